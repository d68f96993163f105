"""Which classes are taken for which: a confusion matrix beside the accuracy of each class."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import Tensor

from maskwright.support.errors import MaskwrightError
from maskwright.visual.chart_style import MATRIX_STYLE
from maskwright.visual.palette import INK, PAPER, SERIES, TEXT_SIZE

# More names than this would overlap, and more numbers would not be readable in their cells.
_MOST_NAMED = 40
_MOST_NUMBERED = 15
# Shares that would be written as 0 are left out, and above this share ink is hard to read on blue.
_LEAST_WRITTEN = 0.005
_DARK_CELL = 0.55


@rc_context(MATRIX_STYLE)
def confusion_figure(counts: Tensor, classes: Sequence[str], title: str) -> Figure:
    """Draw the shares of each true class's answers, and beside them each class's share right.

    counts: (K, K), rows the true classes and columns the answers.
    classes: K names. Up to 40 are written; up to 15 classes have their numbers written in.

    Raises MaskwrightError when names and counts do not fit.
    """
    if len(classes) != len(counts):
        raise MaskwrightError(
            f"A confusion of {len(counts)} classes needs as many names; got {len(classes)}."
        )
    table = counts.double().numpy()
    totals = table.sum(1, keepdims=True)  # (K, 1)
    # The row of a class without pictures stays zero.
    shares = np.zeros_like(table)
    np.divide(table, totals, out=shares, where=totals > 0)
    side = min(9.0, max(3.2, 0.34 * len(classes) + 1.8))
    figure = Figure(figsize=(side + 3.6, side), layout="constrained")
    figure.suptitle(title, x=0.01, ha="left")
    left, right = figure.subplots(1, 2, width_ratios=(side, 3.0))
    _draw_matrix(left, shares, classes)
    _draw_bars(right, np.diag(shares), totals[:, 0], classes)
    return figure


def _draw_matrix(axes: Axes, shares: np.ndarray, classes: Sequence[str]) -> None:
    # The cells are the grid here.
    axes.grid(visible=False)
    axes.spines[:].set_visible(False)
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1, aspect="equal")
    axes.set_xlabel("answer, % of the true class")
    axes.set_ylabel("true class")
    names = _names_shown(classes)
    axes.set_xticks(range(len(names)), names, rotation=60, ha="right", rotation_mode="anchor")
    axes.set_yticks(range(len(names)), names)
    if len(classes) <= _MOST_NUMBERED:
        _write_shares(axes, shares)


def _write_shares(axes: Axes, shares: np.ndarray) -> None:
    for (row, column), share in np.ndenumerate(shares):
        if share < _LEAST_WRITTEN:
            continue
        axes.text(
            column,
            row,
            f"{100 * share:.0f}",
            ha="center",
            va="center",
            fontsize=TEXT_SIZE - 1,
            color=PAPER if share > _DARK_CELL else INK,
        )


def _draw_bars(axes: Axes, rights: np.ndarray, totals: np.ndarray, classes: Sequence[str]) -> None:
    """Bars in the order of the matrix; with too many classes to name, sorted from worst to best."""
    names = _names_shown(classes)
    has_pictures = totals > 0
    measured = rights[has_pictures]
    # Without names nobody can tell a class by its row, so a sorted curve says more.
    values = rights if names else np.sort(measured)
    thickness = 0.72 if names else 1.0
    axes.barh(np.arange(len(values)), values, color=SERIES[0], height=thickness)
    # Upside down, so that the first class is at the top as in the matrix.
    axes.set_ylim(len(values) - 0.5, -0.5)
    axes.set_xlim(0, 1)
    mean = float(measured.mean())
    axes.axvline(mean, color=SERIES[1], linewidth=1.2, linestyle=(0, (4, 2)))
    axes.set_title(f"right, % of each class (mean {100 * mean:.0f})")
    axes.set_xticks([0, 0.25, 0.5, 0.75, 1], ["0", "25", "50", "75", "100"])
    axes.set_yticks(range(len(names)), names)


def _names_shown(classes: Sequence[str]) -> Sequence[str]:
    """The names to write at the ticks: all, or none when there is no room."""
    return classes if len(classes) <= _MOST_NAMED else []
