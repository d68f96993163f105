"""What charts of measured numbers share: a line with its band, dashed levels, heading and notes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from maskwright.visual.chart_style import ANNOTATION_SIZE, DASHED
from maskwright.visual.palette import MARKERS, QUIET, SERIES


@dataclass(frozen=True)
class Band:
    """One series as it is drawn.

    label: its name in the legend.
    positions: where its values stand on the horizontal axis.
    values: the measured values, one per position.
    lows, highs: the ends of their intervals.
    """

    label: str
    positions: Sequence[float]
    values: Sequence[float]
    lows: Sequence[float]
    highs: Sequence[float]


def draw_band(axes: Axes, index: int, band: Band) -> None:
    """Draw series number `index`: values as a marked line, intervals as a band in its color."""
    color = SERIES[index % len(SERIES)]
    axes.fill_between(band.positions, band.lows, band.highs, color=color, alpha=0.15, linewidth=0)
    axes.plot(
        band.positions,
        band.values,
        color=color,
        linewidth=1.8,
        marker=MARKERS[index % len(MARKERS)],
        markersize=4.5,
        label=band.label,
    )


def draw_level(
    axes: Axes, name: str, value: float, *, at_left: bool = False, below: bool = False
) -> None:
    """Draw a dashed line across the axes with its name above it, at the right end.

    at_left: write the name at the left end.
    below: write the name below the line.
    """
    draw_dashed(axes, value)
    axes.annotate(
        name,
        (0 if at_left else 1, value),
        # Along the axes in shares of their width, so the name stays at the end of the line.
        xycoords=("axes fraction", "data"),
        xytext=(4 if at_left else -2, -10 if below else 3),
        textcoords="offset points",
        ha="left" if at_left else "right",
        fontsize=ANNOTATION_SIZE,
        color=QUIET,
    )


def draw_dashed(axes: Axes, value: float) -> None:
    """Draw a dashed line across the axes."""
    axes.axhline(value, color=QUIET, linewidth=1, linestyle=DASHED)


def write_heading(figure: Figure, title: str, notes: Sequence[str]) -> None:
    """Write the title at the top left of a figure and the lines of its notes at the foot."""
    figure.suptitle(title, x=0.01, ha="left")
    if notes:
        figure.supxlabel(
            "\n".join(notes), x=0.01, ha="left", color=QUIET, fontsize=8, fontweight="normal"
        )
