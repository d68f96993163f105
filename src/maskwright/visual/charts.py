"""Plain charts of measured numbers: lines with bands over named steps, and bars with intervals."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from maskwright.support.errors import MaskwrightError
from maskwright.visual.axes import Band, draw_band, draw_dashed, write_heading
from maskwright.visual.chart_style import ANNOTATION_SIZE, CHART_STYLE
from maskwright.visual.palette import FAINT, INK, QUIET, SERIES

# Legend entries up to this many letters fit twice beside each other in one panel.
_HALF_A_PANEL = 25
# Inches: a figure without notes, one line of notes, one line of the legend.
_HEIGHT, _NOTE_HEIGHT, _LEGEND_HEIGHT = 4.6, 0.16, 0.2
# Beyond this many groups their names would touch each other and are written at a slant.
_MOST_LEVEL_NAMES = 8
# Across bars of the second and third round of colors.
_HATCHES = (None, "//", "..")


@dataclass(frozen=True)
class Line:
    """One series of a panel.

    label: its name in the legend.
    steps: names, drawn evenly spaced.
    values: one per step.
    lows, highs: the ends of their intervals.
    """

    label: str
    steps: tuple[str, ...]
    values: tuple[float, ...]
    lows: tuple[float, ...]
    highs: tuple[float, ...]


@dataclass(frozen=True)
class Panel:
    """One pair of axes.

    x: what runs along it.
    y: what is measured.
    lines: its series.
    dashed: name -> value of levels to draw dashed across it.
    """

    x: str
    y: str
    lines: tuple[Line, ...]
    dashed: Mapping[str, float] = field(default_factory=dict)


@rc_context(CHART_STYLE)
def line_chart(panels: Sequence[Panel], title: str, notes: Sequence[str] = ()) -> Figure:
    """Draw panels side by side on one vertical scale, a line with its band for each series.

    notes: sentences at the foot.
    """
    lines = [line for panel in panels for line in panel.lines]
    _refuse_empty(lines)
    # The legends stand above the panels, so their rows add to the height.
    longest_label = max(len(line.label) for line in lines)
    legend_columns = 2 if longest_label <= _HALF_A_PANEL else 1
    legend_rows = math.ceil(max(len(panel.lines) for panel in panels) / legend_columns)
    notes = _wrap(notes, len(panels))
    width = max(7.2, 5.0 * len(panels))
    height = _HEIGHT + _NOTE_HEIGHT * len(notes) + _LEGEND_HEIGHT * legend_rows
    figure = Figure(figsize=(width, height), layout="constrained")
    (all_axes,) = figure.subplots(1, len(panels), sharey=True, squeeze=False)
    for axes, panel in zip(all_axes, panels, strict=True):
        _draw_panel(axes, panel, legend_columns)
    # The panels share their vertical scale, so the first names it for all.
    all_axes[0].set_ylabel(panels[0].y)
    write_heading(figure, title, notes)
    return figure


def _draw_panel(axes: Axes, panel: Panel, legend_columns: int) -> None:
    # Series may lack steps; the axis shows those of all, in the order in which they first appear.
    steps = list(dict.fromkeys(step for line in panel.lines for step in line.steps))
    for index, line in enumerate(panel.lines):
        positions = [steps.index(step) for step in line.steps]
        band = Band(line.label, positions, line.values, line.lows, line.highs)
        draw_band(axes, index, band)
    for name, value in panel.dashed.items():
        _draw_named(axes, name, value)
    axes.set_xticks(range(len(steps)), steps)
    axes.set_xlabel(panel.x)
    axes.set_ylim(bottom=0)
    axes.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=legend_columns)


def _draw_named(axes: Axes, name: str, value: float) -> None:
    """A dashed level with its name and number outside, at its end."""
    draw_dashed(axes, value)
    axes.text(
        1.01,
        value,
        f"{name}\n{value:.3g}",
        transform=axes.get_yaxis_transform(),
        va="center",
        fontsize=ANNOTATION_SIZE,
        color=QUIET,
    )


def _wrap(notes: Sequence[str], num_panels: float) -> list[str]:
    """Notes as lines; about 80 letters fit under a panel, and 115 under the narrowest figure."""
    width = max(115, round(80 * num_panels))
    return [line for note in notes for line in textwrap.wrap(note, width)]


def _refuse_empty(series: Sequence[object]) -> None:
    if not series:
        raise MaskwrightError("There is nothing to draw: a chart needs at least one series.")


@dataclass(frozen=True)
class Bars:
    """One series of bars.

    label: its name in the legend.
    groups: the names under the bars.
    values: one per group; a value that is NaN has no bar.
    lows, highs: the ends of their intervals.
    is_reference: drawn in gray, because it is what the others are held against.
    """

    label: str
    groups: tuple[str, ...]
    values: tuple[float, ...]
    lows: tuple[float, ...]
    highs: tuple[float, ...]
    is_reference: bool = False


@dataclass(frozen=True)
class BarPanel:
    """The axes of a bar chart.

    x: what runs along them.
    y: what is measured.
    series: their bars.
    dashed: name -> value of levels to draw dashed across.
    top: the upper end of the scale.
    """

    x: str
    y: str
    series: Sequence[Bars]
    dashed: Mapping[str, float] = field(default_factory=dict)
    top: float | None = None


@rc_context(CHART_STYLE)
def bar_chart(panel: BarPanel, title: str, notes: Sequence[str] = ()) -> Figure:
    """Draw bars side by side for each group, one color per series, with their intervals.

    notes: sentences at the foot.
    """
    series = panel.series
    _refuse_empty(series)
    groups = list(dict.fromkeys(group for bars in series for group in bars.groups))
    # Each group takes a slot per series and an empty one to its neighbor.
    num_slots = len(groups) * (len(series) + 1)
    width = 2.0 + 0.28 * num_slots
    width = min(18.0, max(7.2, width))
    notes = _wrap(notes, width / 5.4)
    height = _HEIGHT + _NOTE_HEIGHT * len(notes)
    figure = Figure(figsize=(width, height), layout="constrained")
    axes = figure.subplots()
    axes.set_xlabel(panel.x)
    axes.set_ylabel(panel.y)
    for index, bars in enumerate(series):
        _draw_bars(axes, bars, groups, index, len(series))
    for name, value in panel.dashed.items():
        _draw_named(axes, name, value)
    _name_groups(axes, groups)
    axes.set_ylim(0, panel.top)
    columns = _legend_columns(series, width)
    axes.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=columns)
    write_heading(figure, title, notes)
    return figure


def _draw_bars(axes: Axes, bars: Bars, groups: list[str], index: int, num_series: int) -> None:
    """Bars of series number `index`; those of all series share 0.8 of the room of a group."""
    width = 0.8 / num_series
    shift = (index - (num_series - 1) / 2) * width
    # Values that are NaN stand for groups that were not measured.
    shown = [at for at, value in enumerate(bars.values) if not math.isnan(value)]
    positions = [groups.index(bars.groups[at]) + shift for at in shown]
    values = [bars.values[at] for at in shown]
    # Matplotlib wants the lengths of the two halves of an interval, not its ends.
    below = [abs(bars.values[at] - bars.lows[at]) for at in shown]
    above = [abs(bars.values[at] - bars.highs[at]) for at in shown]
    color = FAINT if bars.is_reference else SERIES[index % len(SERIES)]
    # Beyond the colors there are, the same ones come again with lines across.
    hatch = None if bars.is_reference else _HATCHES[index // len(SERIES) % len(_HATCHES)]
    # Hatches take the color of edges: dark ones would not be seen on the darkest bars.
    edge: dict[str, Any] = {"edgecolor": "white", "linewidth": 0, "hatch": hatch}
    axes.bar(positions, values, width * 0.92, color=color, alpha=0.85, label=bars.label, **edge)
    if shown:
        axes.errorbar(
            positions,
            values,
            yerr=(below, above),
            fmt="o",
            markersize=2.5,
            color=INK,
            elinewidth=0.9,
            capsize=1.5,
        )


def _name_groups(axes: Axes, groups: Sequence[str]) -> None:
    is_slanted = len(groups) > _MOST_LEVEL_NAMES
    axes.set_xticks(
        range(len(groups)),
        groups,
        rotation=30 if is_slanted else 0,
        ha="right" if is_slanted else "center",
    )
    # The same white before the first group and after the last.
    axes.set_xlim(-0.6, len(groups) - 0.4)


def _legend_columns(series: Sequence[Bars], width: float) -> int:
    """How many legend entries stand beside each other in a figure `width` inches wide."""
    # A swatch and about 0.085 inches a letter; 1.6 inches go to the axis labels.
    longest = max(len(bars.label) for bars in series)
    entry = 0.65 + 0.085 * longest
    fitting = int((width - 1.6) / entry)
    return max(1, min(len(series), fitting))
