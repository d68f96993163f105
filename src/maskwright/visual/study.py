"""Figures of studies: arms with their intervals, what accuracy costs, and how arms learn."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from maskwright.support.errors import MaskwrightError
from maskwright.visual.chart_style import PAGE_STYLE, PAGE_TEXT
from maskwright.visual.palette import INK, QUIET, SERIES

WIDTH = 4.0
"""Inches; a phone shows them at about life size."""
# Letters under the axis, where the names of arms take a third of the width.
_AXIS_LETTERS = 46
KINDS = {
    "baseline": (INK, "D"),
    "better": (SERIES[0], "^"),
    "worse": (SERIES[1], "v"),
    "plain": (QUIET, "o"),
}
"""Color and marker by what was shown of an arm: never by color alone."""

# Solid, dashed and dotted lines in seven colors: 21 arms are drawn apart. INK stands for black,
# because the page turns it into its own text color.
_DASHES = ("-", (0, (4, 2)), (0, (1, 1.5)))
_COLORS = (*SERIES[:6], INK)
_LINE_STYLES = [(dash, color) for dash in _DASHES for color in _COLORS]
# Curves of fewer points show each of them.
_DENSE = 12
# Longer legends stand in two columns.
_LONG_LEGEND = 8


@dataclass(frozen=True, kw_only=True)
class Dot:
    """One arm.

    label: its name.
    mean: over its seeds.
    low, high: the ends of its interval, where it has one.
    points: the values of its seeds.
    kind: what was shown of it (see KINDS).
    """

    label: str
    mean: float
    low: float | None = None
    high: float | None = None
    points: Sequence[float] = ()
    kind: str = "plain"

    @property
    def interval(self) -> list[float]:
        """Both ends of its interval, or nothing."""
        if self.low is None or self.high is None:
            return []
        return [self.low, self.high]


@dataclass(frozen=True, kw_only=True)
class Cost:
    """One arm on the frontier: what it spent and what it reached."""

    dot: Dot
    spent: float


@rc_context(PAGE_STYLE)
def interval_plot(dots: Sequence[Dot], axis: str, zero: bool = False) -> Figure:
    """Draw a line per arm: small dots for seeds, a large one for the mean, a bar for the interval.

    axis: what is measured.
    zero: mark where nothing differs.
    """
    if not dots:
        raise MaskwrightError("An interval plot needs at least one arm.")
    # Names of metrics may be longer than the figure is wide.
    lines = textwrap.wrap(axis, _AXIS_LETTERS, break_on_hyphens=False)
    figure, axes = _figure(0.6 + 0.15 * len(lines) + 0.27 * len(dots))
    for row, dot in enumerate(dots):
        _draw_interval(axes, row, dot)
    if zero:
        axes.axvline(0, color=QUIET, linewidth=0.9, linestyle=(0, (4, 3)), zorder=1)
    axes.set_yticks(range(len(dots)), [dot.label for dot in dots])
    # Upside down, so that the first arm is at the top.
    axes.set_ylim(len(dots) - 0.5, -0.5)
    axes.set_xlabel("\n".join(lines))
    axes.locator_params(axis="x", nbins=5)
    return figure


def _draw_interval(axes: Axes, row: int, dot: Dot) -> None:
    color, marker = KINDS[dot.kind]
    # The mean lies over its interval, and both over the seeds.
    rows = [row] * len(dot.points)
    axes.scatter(dot.points, rows, s=9, color=color, alpha=0.45, linewidths=0, zorder=2)
    if dot.interval:
        axes.plot(
            dot.interval,
            [row, row],
            color=color,
            linewidth=1.6,
            solid_capstyle="butt",
            zorder=3,
        )
    axes.scatter([dot.mean], [row], s=34, color=color, marker=marker, zorder=4)


@rc_context(PAGE_STYLE)
def frontier_plot(
    costs: Sequence[Cost], spent: str, reached: str, larger_is_better: bool = True
) -> Figure:
    """Draw what arms reached against what they spent, and the Pareto front."""
    if not costs:
        raise MaskwrightError("A frontier needs at least one arm.")
    figure, axes = _figure(3.1)
    for number, cost in enumerate(costs, start=1):
        _draw_cost(axes, number, cost)
    best = pareto_front(costs, larger_is_better)
    # A step and not a slope: nothing was measured between two arms.
    axes.step(
        [cost.spent for cost in best],
        [cost.dot.mean for cost in best],
        where="post",
        color=QUIET,
        linewidth=1,
        zorder=1,
    )
    axes.margins(0.12)
    axes.set_xlabel(spent)
    axes.set_ylabel(reached)
    axes.locator_params(nbins=5)
    return figure


def _draw_cost(axes: Axes, number: int, cost: Cost) -> None:
    """An arm with its number, because names would cover their neighbors."""
    color, marker = KINDS[cost.dot.kind]
    if cost.dot.interval:
        axes.plot(
            [cost.spent] * 2, cost.dot.interval, color=color, linewidth=1.2, alpha=0.6, zorder=2
        )
    axes.scatter([cost.spent], [cost.dot.mean], s=30, color=color, marker=marker, zorder=3)
    axes.annotate(
        str(number),
        (cost.spent, cost.dot.mean),
        (5, 3),
        textcoords="offset points",
        fontsize=PAGE_TEXT,
        zorder=4,
    )


def pareto_front(costs: Sequence[Cost], larger_is_better: bool = True) -> list[Cost]:
    """The arms that no arm matches at less or equal cost, cheapest first."""
    sign = 1 if larger_is_better else -1
    # Of equal costs the best comes first, so one pass with the best so far is enough.
    in_order = sorted(costs, key=lambda cost: (cost.spent, -sign * cost.dot.mean))
    best: list[Cost] = []
    for cost in in_order:
        is_better = not best or sign * cost.dot.mean > sign * best[-1].dot.mean
        if is_better:
            best.append(cost)
    return best


@rc_context(PAGE_STYLE)
def learning_plot(curves: Mapping[str, Sequence[tuple[float, float]]], x: str, y: str) -> Figure:
    """Draw a line per arm from (x, y) points, with a legend below.

    Points that are not finite are left out.
    """
    drawn = {}
    for name, points in curves.items():
        finite = [(step, value) for step, value in points if math.isfinite(value)]
        if finite:
            drawn[name] = finite
    if not drawn:
        raise MaskwrightError("There are no learning curves to draw.")
    figure, axes = _figure(2.9 + 0.19 * len(drawn))
    for (dash, color), (name, points) in zip(_LINE_STYLES, drawn.items(), strict=False):
        axes.plot(
            [step for step, _ in points],
            [value for _, value in points],
            color=color,
            linestyle=dash,
            linewidth=1.4,
            label=name,
            marker="." if len(points) < _DENSE else None,
        )
    axes.set_xlabel(x)
    axes.set_ylabel(y)
    axes.locator_params(nbins=5)
    figure.legend(loc="outside lower left", ncols=2 if len(drawn) > _LONG_LEGEND else 1)
    return figure


def _figure(height: float) -> tuple[Figure, Axes]:
    figure = Figure(figsize=(WIDTH, height), layout="constrained")
    return figure, figure.add_subplot()
