"""Which classes are taken for which: a confusion matrix beside the accuracy of each class."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import Tensor

from maskwright.support.errors import MaskwrightError
from maskwright.visual.palette import GRID_LINE, INK, PAPER, QUIET, SERIES, TEXT_SIZE, TITLE_SIZE

_MOST_NAMED = 40
_MOST_NUMBERED = 15


def confusion_figure(counts: Tensor, classes: Sequence[str], title: str) -> Figure:
    """Draw counts (K, K), rows the true classes and columns the answers, as shares of each row,
    with each class's share right.

    Up to 40 classes are named, up to 15 have their numbers written in. Raises MaskwrightError when
    names and counts do not fit.
    """
    if len(classes) != len(counts):
        raise MaskwrightError(
            f"A confusion of {len(counts)} classes needs as many names; got {len(classes)}."
        )
    table = counts.double().numpy()
    totals = table.sum(1)
    shares = np.divide(table, totals[:, None], out=np.zeros_like(table), where=totals[:, None] > 0)
    side = min(9.0, max(3.2, 0.34 * len(classes) + 1.8))
    figure = Figure(figsize=(side + 3.6, side), dpi=144, layout="constrained")
    figure.suptitle(title, x=0.01, ha="left", fontsize=TITLE_SIZE + 1, fontweight="bold", color=INK)
    left, right = figure.subplots(1, 2, width_ratios=(side, 3.0))
    _draw_matrix(left, shares, classes)
    _draw_bars(right, np.diag(shares), totals, classes)
    return figure


def _draw_matrix(axes: Axes, shares: np.ndarray, classes: Sequence[str]) -> None:
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1, aspect="equal")
    axes.set_xlabel("answer, % of the true class", color=QUIET, fontsize=TEXT_SIZE + 1)
    axes.set_ylabel("true class", color=QUIET, fontsize=TEXT_SIZE + 1)
    named = len(classes) <= _MOST_NAMED
    places = range(len(classes)) if named else []
    axes.set_xticks(
        places, classes if named else [], rotation=60, ha="right", rotation_mode="anchor"
    )
    axes.set_yticks(places, classes if named else [])
    axes.tick_params(colors=INK, labelsize=TEXT_SIZE, length=0)
    axes.spines[:].set_visible(False)
    if len(classes) <= _MOST_NUMBERED:
        for (row, column), share in np.ndenumerate(shares):
            if share >= 0.005:
                color = PAPER if share > 0.55 else INK
                axes.text(
                    column,
                    row,
                    f"{100 * share:.0f}",
                    ha="center",
                    va="center",
                    fontsize=TEXT_SIZE - 1,
                    color=color,
                )


def _draw_bars(axes: Axes, rights: np.ndarray, totals: np.ndarray, classes: Sequence[str]) -> None:
    """Bars in the order of the matrix; with too many classes to name, sorted from worst to best."""
    named = len(classes) <= _MOST_NAMED
    asked = totals > 0
    values = rights if named else np.sort(rights[asked])
    axes.barh(np.arange(len(values)), values, color=SERIES[0], height=0.72 if named else 1.0)
    axes.set_ylim(len(values) - 0.5, -0.5)
    axes.set_xlim(0, 1)
    mean = float(rights[asked].mean())
    axes.axvline(mean, color=SERIES[1], linewidth=1.2, linestyle=(0, (4, 2)))
    axes.set_title(
        f"right, % of each class (mean {100 * mean:.0f})",
        fontsize=TEXT_SIZE + 1,
        color=QUIET,
        loc="left",
    )
    axes.set_xticks([0, 0.25, 0.5, 0.75, 1], ["0", "25", "50", "75", "100"])
    axes.set_yticks(range(len(values)) if named else [], classes if named else [])
    axes.tick_params(colors=INK, labelsize=TEXT_SIZE, length=0)
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.grid(axis="x", color=GRID_LINE, linewidth=0.6)
    axes.set_axisbelow(True)
