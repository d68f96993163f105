"""What the charts of measured numbers share: a line with its band, a dashed level with its name,
and quiet axes.
"""

from __future__ import annotations

from collections.abc import Sequence

from matplotlib.axes import Axes

from maskwright.visual.palette import FAINT, INK, MARKERS, QUIET, SERIES


def draw_band(
    axes: Axes,
    at: int,
    places: Sequence[float],
    values: Sequence[float],
    lows: Sequence[float],
    highs: Sequence[float],
    label: str,
) -> None:
    """Draw series number `at`: its values as a marked line, the ends of their intervals as a band
    in the same color.
    """
    color = SERIES[at % len(SERIES)]
    axes.fill_between(places, lows, highs, color=color, alpha=0.15, linewidth=0)
    axes.plot(
        places,
        values,
        color=color,
        linewidth=1.8,
        marker=MARKERS[at % len(MARKERS)],
        markersize=4.5,
        label=label,
    )


def draw_level(
    axes: Axes, name: str, value: float, *, at_left: bool = False, below: bool = False
) -> None:
    """Draw a dashed line across the axes with its name above it, or below, at the right end, or the
    left.
    """
    draw_dashed(axes, value)
    axes.annotate(
        name,
        (0 if at_left else 1, value),
        xycoords=("axes fraction", "data"),
        xytext=(4 if at_left else -2, -10 if below else 3),
        textcoords="offset points",
        ha="left" if at_left else "right",
        fontsize=8.5,
        color=QUIET,
    )


def draw_dashed(axes: Axes, value: float) -> None:
    """Draw a dashed line across the axes."""
    axes.axhline(value, color=QUIET, linewidth=1, linestyle=(0, (5, 3)))


def style_axes(axes: Axes, x: str, y: str) -> None:
    """Name both axes and leave only what the eye needs: two faint spines, and lines at the height
    of the ticks.
    """
    axes.set_xlabel(x, color=INK, fontsize=10)
    axes.set_ylabel(y, color=INK, fontsize=10)
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color(FAINT)
    axes.tick_params(colors=QUIET, labelsize=9, length=3)
    axes.grid(axis="y", color=FAINT, linewidth=0.6, alpha=0.7)
    axes.set_axisbelow(True)
