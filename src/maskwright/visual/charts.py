"""Plain charts of measured numbers: lines with bands over named steps, and bars with intervals, controls at the foot."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from maskwright.support.errors import MaskwrightError
from maskwright.visual.palette import INK, QUIET, SERIES

_FAINT = "#d0d7de"
_MARKERS = "osD^vPX"


@dataclass(frozen=True)
class Line:
    """One series: a value with the ends of its interval at each step; steps are names, drawn evenly spaced."""

    label: str
    steps: tuple[str, ...]
    values: tuple[float, ...]
    lows: tuple[float, ...]
    highs: tuple[float, ...]


@dataclass(frozen=True)
class Panel:
    """One pair of axes: what runs along it, what is measured, its series, and numbers to draw dashed across it."""

    x: str
    y: str
    lines: tuple[Line, ...]
    dashed: Mapping[str, float] = field(default_factory=dict)


def line_chart(panels: Sequence[Panel], title: str, notes: Sequence[str] = ()) -> Figure:
    """Draw panels side by side on one vertical scale, a line with its band for each series; notes stand at the foot."""
    _refuse_empty([line for panel in panels for line in panel.lines])
    figure = Figure(figsize=(max(7.2, 5.0 * len(panels)), 4.6 + 0.16 * _foot_lines(notes, len(panels))), dpi=144, layout="constrained")
    axes = figure.subplots(1, len(panels), sharey=True, squeeze=False)[0]
    for one, panel in zip(axes, panels, strict=True):
        steps = list(dict.fromkeys(step for line in panel.lines for step in line.steps))
        for at, line in enumerate(panel.lines):
            _draw_line(one, line, steps, at)
        for name, value in panel.dashed.items():
            _draw_dashed(one, name, value)
        one.set_xticks(range(len(steps)), steps)
        _style(one, panel.x, panel.y if one is axes[0] else "")
        one.set_ylim(bottom=0)
        one.legend(frameon=False, fontsize=8.5, labelcolor=INK, loc="best")
    _write(figure, title, notes, len(panels))
    return figure


def _draw_line(axes: Axes, line: Line, steps: list[str], at: int) -> None:
    places = [steps.index(step) for step in line.steps]
    color = SERIES[at % len(SERIES)]
    axes.fill_between(places, line.lows, line.highs, color=color, alpha=0.15, linewidth=0)
    axes.plot(places, line.values, color=color, linewidth=1.8, marker=_MARKERS[at % len(_MARKERS)], markersize=4.5, label=line.label)


def _draw_dashed(axes: Axes, name: str, value: float) -> None:
    axes.axhline(value, color=QUIET, linewidth=1, linestyle=(0, (5, 3)))
    axes.annotate(
        f"{name} {value:.3g}", (1, value), xycoords=("axes fraction", "data"), xytext=(-2, -11), textcoords="offset points",
        ha="right", fontsize=8.5, color=QUIET,
    )  # fmt: skip


def _style(axes: Axes, x: str, y: str) -> None:
    axes.set_xlabel(x, color=INK, fontsize=10)
    axes.set_ylabel(y, color=INK, fontsize=10)
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color(_FAINT)
    axes.tick_params(colors=QUIET, labelsize=9, length=3)
    axes.grid(axis="y", color=_FAINT, linewidth=0.6, alpha=0.7)
    axes.set_axisbelow(True)


def _write(figure: Figure, title: str, notes: Sequence[str], num_panels: int) -> None:
    figure.suptitle(title, x=0.01, ha="left", color=INK, fontsize=12, fontweight="bold")
    if notes:
        figure.supxlabel("\n".join(_wrapped(notes, num_panels)), x=0.01, ha="left", color=QUIET, fontsize=8)


def _wrapped(notes: Sequence[str], num_panels: int) -> list[str]:
    width = max(115, 80 * num_panels)
    return [line for note in notes for line in textwrap.wrap(note, width)]


def _foot_lines(notes: Sequence[str], num_panels: int) -> int:
    return len(_wrapped(notes, num_panels))


def _refuse_empty(series: Sequence[object]) -> None:
    if not series:
        raise MaskwrightError("There is nothing to draw: a chart needs at least one series.")
