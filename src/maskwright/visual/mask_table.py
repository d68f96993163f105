"""Policies from easy to hard: where each masks, the cost of copying a neighbor with its interval,
and the shape of its masks in numbers.
"""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from maskwright.support.errors import MaskwrightError
from maskwright.visual.palette import FAINT, INK, PAPER, QUIET, SERIES, SHARE_COLORS

_NUMBERS = ("distance", "boundary", "islands", "edge", "center")
_SPREAD = 0.25


@dataclass(frozen=True)
class PolicyRow:
    """One policy: the share of masks that hide each position, its numbers, `copy error` with value,
    low and high, and the ratio.
    """

    name: str
    share_masked: Sequence[Sequence[float]]
    numbers: Mapping[str, Any]
    ratio: float


def draw_policies(rows: Sequence[PolicyRow], title: str, note: str = "") -> Figure:
    """Draw a line for each policy, in the order given."""
    if not rows:
        raise MaskwrightError("There is nothing to draw: no policy.")
    height = 0.75 * len(rows) + 1.7
    figure = Figure(figsize=(10.5, height), dpi=130, facecolor=PAPER)
    top, bottom = 1 - 0.75 / height, 0.95 / height
    step = (top - bottom) / len(rows)
    _draw_errors(figure.add_axes((0.27, bottom, 0.33, top - bottom)), rows)
    for at, row in enumerate(rows):
        middle = top - (at + 0.5) * step
        _draw_share(figure.add_axes((0.195, middle - 0.42 * step, 0.06, 0.84 * step)), row)
        figure.text(0.185, middle, row.name, ha="right", va="center", fontsize=9.5, color=INK)
        for column, name in enumerate(_NUMBERS):
            figure.text(
                0.665 + 0.072 * column,
                middle,
                f"{row.numbers[name]:.2f}",
                ha="center",
                va="center",
                fontsize=9,
                color=INK,
            )
    for column, name in enumerate(_NUMBERS):
        figure.text(
            0.665 + 0.072 * column, top + 0.1 / height, name, ha="center", fontsize=9, color=QUIET
        )
    figure.text(0.225, top + 0.1 / height, "masked", ha="center", fontsize=9, color=QUIET)
    figure.text(0.01, 1 - 0.3 / height, title, fontsize=12, fontweight="bold", color=INK)
    figure.text(
        0.01,
        0.1 / height,
        "\n".join(textwrap.wrap(note, 150)),
        fontsize=8,
        color=QUIET,
        va="bottom",
    )
    return figure


def _draw_errors(axes: Axes, rows: Sequence[PolicyRow]) -> None:
    places = np.arange(len(rows))
    values, lows, highs = (
        np.array([getattr(row.numbers["copy error"], end) for row in rows])
        for end in ("value", "low", "high")
    )
    axes.errorbar(
        values,
        places,
        xerr=(values - lows, highs - values),
        fmt="o",
        color=SERIES[0],
        capsize=3,
        linewidth=1.4,
    )
    axes.axvline(1.0, color=QUIET, linewidth=1, linestyle=(0, (5, 3)))
    axes.annotate(
        "mean color",
        (1.0, 1),
        xycoords=("data", "axes fraction"),
        xytext=(3, -9),
        textcoords="offset points",
        fontsize=8,
        color=QUIET,
    )
    axes.set_ylim(len(rows) - 0.5, -0.5)
    axes.set_xlim(0, max(1.15, 1.08 * float(highs.max())))
    axes.set_yticks([])
    axes.set_xlabel(
        "error of copying the nearest visible patch / error of the mean color",
        fontsize=8.5,
        color=INK,
    )
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.spines["bottom"].set_color(FAINT)
    axes.tick_params(colors=QUIET, labelsize=8.5, length=3)
    axes.grid(axis="x", color=FAINT, linewidth=0.6, alpha=0.7)
    axes.set_axisbelow(True)


def _draw_share(axes: Axes, row: PolicyRow) -> None:
    axes.imshow(
        np.asarray(row.share_masked),
        cmap=SHARE_COLORS,
        vmin=row.ratio - _SPREAD,
        vmax=row.ratio + _SPREAD,
        interpolation="nearest",
    )
    axes.set_xticks([])
    axes.set_yticks([])
    for spine in axes.spines.values():
        spine.set_color(FAINT)
