"""Figures of studies: arms with their intervals, what accuracy costs, and how arms learn, readable
in the width of a phone.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from maskwright.support.errors import MaskwrightError
from maskwright.visual.palette import INK, QUIET, SERIES

WIDTH = 4.0
"""Inches; a phone shows them at about life size."""
TEXT = 9.0
KINDS = {
    "baseline": (INK, "D"),
    "better": (SERIES[0], "^"),
    "worse": (SERIES[1], "v"),
    "plain": (QUIET, "o"),
}
"""Color and marker by what was shown of an arm: never by color alone."""
_LINES = list(product(("-", (0, (4, 2)), (0, (1, 1.5))), (*SERIES[:6], INK)))


@dataclass(frozen=True, kw_only=True)
class Dot:
    """One arm: its mean, the ends of its interval where it has one, the values of its seeds, and
    its kind (see KINDS).
    """

    label: str
    mean: float
    low: float | None = None
    high: float | None = None
    points: Sequence[float] = ()
    kind: str = "plain"


@dataclass(frozen=True, kw_only=True)
class Cost:
    """One arm on the frontier: what it spent and what it reached."""

    dot: Dot
    spent: float


def interval_plot(dots: Sequence[Dot], axis: str, zero: bool = False) -> Figure:
    """Draw a line per arm: small dots for seeds, a large one for the mean, a bar for the interval;
    zero: mark where nothing differs.
    """
    if not dots:
        raise MaskwrightError("An interval plot needs at least one arm.")
    figure, axes = _figure(0.75 + 0.27 * len(dots))
    for place, dot in enumerate(dots):
        color, marker = KINDS[dot.kind]
        axes.scatter(
            dot.points,
            [place] * len(dot.points),
            s=9,
            color=color,
            alpha=0.45,
            linewidths=0,
            zorder=2,
        )
        if dot.low is not None and dot.high is not None:
            axes.plot(
                [dot.low, dot.high],
                [place, place],
                color=color,
                linewidth=1.6,
                solid_capstyle="butt",
                zorder=3,
            )
        axes.scatter([dot.mean], [place], s=34, color=color, marker=marker, zorder=4)
    if zero:
        axes.axvline(0, color=QUIET, linewidth=0.9, linestyle=(0, (4, 3)), zorder=1)
    axes.set_yticks(range(len(dots)), [dot.label for dot in dots])
    axes.set_ylim(len(dots) - 0.5, -0.5)
    axes.set_xlabel(axis)
    axes.locator_params(axis="x", nbins=5)
    return figure


def frontier_plot(
    costs: Sequence[Cost], spent: str, reached: str, larger_is_better: bool = True
) -> Figure:
    """Draw what each arm reached against what it spent, and the line of those that no arm beats in
    both.
    """
    if not costs:
        raise MaskwrightError("A frontier needs at least one arm.")
    figure, axes = _figure(3.1)
    for number, cost in enumerate(costs, start=1):
        color, marker = KINDS[cost.dot.kind]
        if cost.dot.low is not None and cost.dot.high is not None:
            axes.plot(
                [cost.spent] * 2,
                [cost.dot.low, cost.dot.high],
                color=color,
                linewidth=1.2,
                alpha=0.6,
                zorder=2,
            )
        axes.scatter([cost.spent], [cost.dot.mean], s=30, color=color, marker=marker, zorder=3)
        axes.annotate(
            str(number),
            (cost.spent, cost.dot.mean),
            (5, 3),
            textcoords="offset points",
            fontsize=TEXT,
            color=INK,
            zorder=4,
        )
    best = unbeaten(costs, larger_is_better)
    axes.step(
        [one.spent for one in best],
        [one.dot.mean for one in best],
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


def unbeaten(costs: Sequence[Cost], larger_is_better: bool = True) -> list[Cost]:
    """The arms that no arm matches at less or equal cost, cheapest first."""
    sign = 1 if larger_is_better else -1
    best: list[Cost] = []
    for cost in sorted(costs, key=lambda one: (one.spent, -sign * one.dot.mean)):
        if not best or sign * cost.dot.mean > sign * best[-1].dot.mean:
            best.append(cost)
    return best


def learning_plot(curves: Mapping[str, Sequence[tuple[float, float]]], x: str, y: str) -> Figure:
    """Draw a line per arm from (x, y) points, with a legend below; points that are not finite are
    left out.
    """
    drawn = {
        name: [(at, value) for at, value in points if math.isfinite(value)]
        for name, points in curves.items()
    }
    drawn = {name: points for name, points in drawn.items() if points}
    if not drawn:
        raise MaskwrightError("There are no learning curves to draw.")
    figure, axes = _figure(2.9 + 0.19 * len(drawn))
    for (dash, color), (name, points) in zip(_LINES, drawn.items(), strict=False):
        axes.plot(
            *np.array(points).T,
            color=color,
            linestyle=dash,
            linewidth=1.4,
            label=name,
            marker="." if len(points) < 12 else None,
        )
    axes.set_xlabel(x)
    axes.set_ylabel(y)
    axes.locator_params(nbins=5)
    figure.legend(
        loc="outside lower left",
        frameon=False,
        fontsize=TEXT,
        labelcolor=INK,
        ncols=1 + (len(drawn) > 8),
    )
    return figure


def _figure(height: float) -> tuple[Figure, Axes]:
    figure = Figure(figsize=(WIDTH, height), layout="constrained")
    axes = figure.add_subplot()
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color(QUIET)
    axes.tick_params(labelsize=TEXT, length=3, color=QUIET, labelcolor=INK)
    for axis in (axes.xaxis, axes.yaxis):
        axis.label.set_fontsize(TEXT)
        axis.label.set_color(INK)
    axes.grid(axis="both", color=QUIET, linewidth=0.4, alpha=0.25)
    axes.set_axisbelow(True)
    return figure, axes
