"""Policies from easy to hard: where each masks, what copying a neighbor costs, and mask shape."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from maskwright.support.errors import MaskwrightError
from maskwright.visual.chart_style import DASHED, TABLE_STYLE
from maskwright.visual.palette import FAINT, PAPER, QUIET, SERIES, SHARE_COLORS

_NUMBERS = ("distance", "boundary", "islands", "edge", "center")
# The colors of a heat map reach this far to both sides of the ratio.
_SPREAD = 0.25
# Inches: the height of a line, and the room for the heading and the note.
_ROW_HEIGHT, _AROUND = 0.75, 1.7
# Shares of the width: right ends of the names, middle of the maps, middles of the number columns.
_NAMES_END, _MAPS_MIDDLE, _FIRST_NUMBER, _NUMBER_STEP = 0.185, 0.225, 0.665, 0.072


@dataclass(frozen=True)
class PolicyRow:
    """One policy of the table.

    share_masked: (rows, cols) share of masks that hide each position.
    numbers: values by name, among them `copy error` with value, low and high.
    ratio: the share of patches it masks.
    """

    name: str
    share_masked: Sequence[Sequence[float]]
    numbers: Mapping[str, Any]
    ratio: float


@rc_context(TABLE_STYLE)
def draw_policies(rows: Sequence[PolicyRow], title: str, note: str = "") -> Figure:
    """Draw a line for each policy, in the order given."""
    if not rows:
        raise MaskwrightError("There is nothing to draw: no policy.")
    height = _ROW_HEIGHT * len(rows) + _AROUND
    figure = Figure(figsize=(10.5, height), facecolor=PAPER)
    # All positions are shares of the figure, so inches are divided by its height.
    top, bottom = 1 - 0.75 / height, 0.95 / height
    step = (top - bottom) / len(rows)
    _draw_errors(figure.add_axes((0.27, bottom, 0.33, top - bottom)), rows)
    for index, row in enumerate(rows):
        _draw_row(figure, row, top - (index + 0.5) * step, step)
    # Titles of the columns stand a tenth of an inch over the first line.
    over = top + 0.1 / height
    figure.text(_MAPS_MIDDLE, over, "masked", ha="center", fontsize=9, color=QUIET)
    for column, name in enumerate(_NUMBERS):
        figure.text(_number_middle(column), over, name, ha="center", fontsize=9, color=QUIET)
    figure.text(0.01, 1 - 0.3 / height, title, fontsize=12, fontweight="bold")
    foot = "\n".join(textwrap.wrap(note, 150))
    figure.text(0.01, 0.1 / height, foot, fontsize=8, color=QUIET, va="bottom")
    return figure


def _draw_row(figure: Figure, row: PolicyRow, middle: float, step: float) -> None:
    """Name, heat map and numbers of a policy at the height `middle`."""
    map_bottom = middle - 0.42 * step
    map_height = 0.84 * step
    _draw_share(figure.add_axes((0.195, map_bottom, 0.06, map_height)), row)
    figure.text(_NAMES_END, middle, row.name, ha="right", va="center", fontsize=9.5)
    for column, name in enumerate(_NUMBERS):
        figure.text(
            _number_middle(column),
            middle,
            f"{row.numbers[name]:.2f}",
            ha="center",
            va="center",
            fontsize=9,
        )


def _number_middle(column: int) -> float:
    return _FIRST_NUMBER + _NUMBER_STEP * column


def _draw_errors(axes: Axes, rows: Sequence[PolicyRow]) -> None:
    errors = [row.numbers["copy error"] for row in rows]
    values = np.array([error.value for error in errors])
    lows = np.array([error.low for error in errors])
    highs = np.array([error.high for error in errors])
    axes.errorbar(
        values,
        np.arange(len(rows)),
        xerr=(values - lows, highs - values),
        fmt="o",
        color=SERIES[0],
        capsize=3,
        linewidth=1.4,
    )
    # At 1 a neighbor tells no more than the mean color does.
    axes.axvline(1.0, color=QUIET, linewidth=1, linestyle=DASHED)
    axes.annotate(
        "mean color",
        (1.0, 1),
        xycoords=("data", "axes fraction"),
        xytext=(3, -9),
        textcoords="offset points",
        fontsize=8,
        color=QUIET,
    )
    # Upside down, so that the first policy is at the top.
    axes.set_ylim(len(rows) - 0.5, -0.5)
    axes.set_xlim(0, max(1.15, 1.08 * float(highs.max())))
    axes.set_yticks([])
    axes.set_xlabel("error of copying the nearest visible patch / error of the mean color")


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
    # White is the middle of the colors, so a frame shows where the map ends.
    axes.spines[:].set_visible(True)
    axes.spines[:].set_color(FAINT)
