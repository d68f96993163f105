"""Plain charts of measured numbers: lines with bands over named steps, and bars with intervals,
controls at the foot.
"""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from maskwright.support.errors import MaskwrightError
from maskwright.visual.axes import draw_band, draw_dashed, style_axes
from maskwright.visual.palette import INK, QUIET, SERIES

_HALF_A_PANEL = 25  # letters of a legend


@dataclass(frozen=True)
class Line:
    """One series: a value with the ends of its interval at each step; steps are names, drawn evenly
    spaced.
    """

    label: str
    steps: tuple[str, ...]
    values: tuple[float, ...]
    lows: tuple[float, ...]
    highs: tuple[float, ...]


@dataclass(frozen=True)
class Panel:
    """One pair of axes: what runs along it, what is measured, its series, and numbers to draw
    dashed across it.
    """

    x: str
    y: str
    lines: tuple[Line, ...]
    dashed: Mapping[str, float] = field(default_factory=dict)


def line_chart(panels: Sequence[Panel], title: str, notes: Sequence[str] = ()) -> Figure:
    """Draw panels side by side on one vertical scale, a line with its band for each series; notes
    stand at the foot.
    """
    _refuse_empty([line for panel in panels for line in panel.lines])
    most = max(len(panel.lines) for panel in panels)
    columns = (
        2
        if max(len(line.label) for panel in panels for line in panel.lines) <= _HALF_A_PANEL
        else 1
    )
    height = 4.6 + 0.16 * _foot_lines(notes, len(panels)) + 0.2 * -(-most // columns)
    figure = Figure(figsize=(max(7.2, 5.0 * len(panels)), height), dpi=144, layout="constrained")
    axes = figure.subplots(1, len(panels), sharey=True, squeeze=False)[0]
    for one, panel in zip(axes, panels, strict=True):
        steps = list(dict.fromkeys(step for line in panel.lines for step in line.steps))
        for at, line in enumerate(panel.lines):
            places = [steps.index(step) for step in line.steps]
            draw_band(one, at, places, line.values, line.lows, line.highs, line.label)
        for name, value in panel.dashed.items():
            _draw_named(one, name, value)
        one.set_xticks(range(len(steps)), steps)
        style_axes(one, panel.x, panel.y if one is axes[0] else "")
        one.set_ylim(bottom=0)
        one.legend(
            frameon=False,
            fontsize=8.5,
            labelcolor=INK,
            loc="lower left",
            bbox_to_anchor=(0, 1),
            ncols=columns,
        )
    _write(figure, title, notes, len(panels))
    return figure


def _draw_named(axes: Axes, name: str, value: float) -> None:
    """A dashed level with its name and number outside, at its end."""
    draw_dashed(axes, value)
    axes.text(
        1.01,
        value,
        f"{name}\n{value:.3g}",
        transform=axes.get_yaxis_transform(),
        va="center",
        fontsize=8.5,
        color=QUIET,
    )


def _write(figure: Figure, title: str, notes: Sequence[str], num_panels: float) -> None:
    figure.suptitle(title, x=0.01, ha="left", color=INK, fontsize=12, fontweight="bold")
    if notes:
        figure.supxlabel(
            "\n".join(_wrapped(notes, num_panels)), x=0.01, ha="left", color=QUIET, fontsize=8
        )


def _wrapped(notes: Sequence[str], num_panels: float) -> list[str]:
    width = max(115, round(80 * num_panels))
    return [line for note in notes for line in textwrap.wrap(note, width)]


def _foot_lines(notes: Sequence[str], num_panels: float) -> int:
    return len(_wrapped(notes, num_panels))


def _refuse_empty(series: Sequence[object]) -> None:
    if not series:
        raise MaskwrightError("There is nothing to draw: a chart needs at least one series.")


@dataclass(frozen=True)
class Bars:
    """One series of bars: a value with the ends of its interval for each group; a value that is NaN
    has no bar.
    """

    label: str
    groups: tuple[str, ...]
    values: tuple[float, ...]
    lows: tuple[float, ...]
    highs: tuple[float, ...]


def bar_chart(
    series: Sequence[Bars],
    title: str,
    x: str,
    y: str,
    dashed: Mapping[str, float] | None = None,
    notes: Sequence[str] = (),
    top: float | None = None,
) -> Figure:
    """Draw bars side by side for each group, one color per series, with their intervals; notes
    stand at the foot.
    """
    _refuse_empty(series)
    groups = list(dict.fromkeys(group for one in series for group in one.groups))
    width = min(18.0, max(7.2, 2.0 + 0.28 * len(groups) * (len(series) + 1)))
    panels = width / 5.4
    figure = Figure(
        figsize=(width, 4.6 + 0.16 * _foot_lines(notes, panels)), dpi=144, layout="constrained"
    )
    axes = figure.subplots()
    style_axes(axes, x, y)
    for at, one in enumerate(series):
        _draw_bars(
            axes,
            one,
            groups,
            at,
            0.8 / len(series),
            (at - (len(series) - 1) / 2) * 0.8 / len(series),
        )
    for name, value in (dashed or {}).items():
        _draw_named(axes, name, value)
    axes.set_xticks(
        range(len(groups)),
        groups,
        rotation=30 if len(groups) > 8 else 0,
        ha="right" if len(groups) > 8 else "center",
    )
    axes.set_xlim(-0.6, len(groups) - 0.4)
    axes.set_ylim(0, top)
    axes.legend(
        frameon=False,
        fontsize=8.5,
        labelcolor=INK,
        loc="lower left",
        bbox_to_anchor=(0, 1),
        ncols=_columns(series, width),
    )
    _write(figure, title, notes, panels)
    return figure


def _draw_bars(
    axes: Axes, one: Bars, groups: list[str], at: int, width: float, shift: float
) -> None:
    shown = [place for place, value in enumerate(one.values) if value == value]
    places = [groups.index(one.groups[place]) + shift for place in shown]
    values, lows, highs = (
        [numbers[place] for place in shown] for numbers in (one.values, one.lows, one.highs)
    )
    below, above = (
        [abs(value - end) for value, end in zip(values, ends, strict=True)]
        for ends in (lows, highs)
    )
    axes.bar(
        places, values, width * 0.92, color=SERIES[at % len(SERIES)], alpha=0.85, label=one.label
    )
    if shown:
        axes.errorbar(
            places,
            values,
            yerr=(below, above),
            fmt="o",
            markersize=2.5,
            color=INK,
            elinewidth=0.9,
            capsize=1.5,
        )


def _columns(series: Sequence[Bars], width: float) -> int:
    """How many entries of the legend stand beside each other in a figure that is `width` inches
    wide.
    """
    entry = 0.65 + 0.085 * max(len(one.label) for one in series)
    return max(1, min(len(series), int((width - 1.6) / entry)))
