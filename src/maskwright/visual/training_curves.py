"""The course of a training as one figure: every loss beside its baselines, accuracy, shares of
patches and the learning rate.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain, cycle
from typing import Any

import numpy as np
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from maskwright.visual.chart_style import CHART_STYLE
from maskwright.visual.palette import QUIET, SERIES

Rows = Sequence[Mapping[str, Any]]
Points = tuple[list[float], list[float]]

# Fewer points than this are marked, or a single one would not be seen.
_FEW_POINTS = 30
_DPI = 110
# Inches of a panel, and of the line that the title takes.
_WIDTH, _HEIGHT, _TITLE_HEIGHT = 5.2, 3.3, 0.3
# Above a panel: inches for title and legend, points from the axes to the title, and entries in a
# line of the legend.
_ABOVE, _TITLE_PAD, _LEGEND_ENTRIES = 0.75, 36, 3
# Of baselines: told apart by their dashes, because they are all of one color.
_DASHES = (
    (0, (6, 3)),
    (0, (1.5, 2)),
    (0, (6, 2, 1.5, 2)),
    (0, (3, 3)),
)
# A training begins far above what it reaches; this share of it may stick out at the top.
_BEGINNING = 0.05
# Terms of a loss that lie farther apart than this need a logarithmic scale.
_WIDE_RANGE = 20


@dataclass(frozen=True)
class CurvePanel:
    """One pair of axes.

    title: what is measured.
    series: name of a number in a row -> its label.
    levels: name -> value of baselines, dashed.
    from_zero: whether the scale begins at 0, as for shares.
    to_one: whether it ends at 1.
    """

    title: str
    series: Mapping[str, str]
    levels: Mapping[str, float] = field(default_factory=dict)
    from_zero: bool = False
    to_one: bool = False


LOSSES = {
    "loss": "training",
    "val_loss": "held out",
    "val_loss_random75": "held out, 75 % random",
}
ACCURACIES = {"knn_top1": "k-NN, held out", "held_out_top1": "held out"}
SHARES = {"masked": "masked", "kept_test": "kept, without noise"}
ERRORS = {"composite_mse": "training", "composite_mse_test": "without noise"}


def plan_panels(rows: Rows, baselines: Mapping[str, float]) -> list[CurvePanel]:
    """The panels that a training has numbers for."""
    names = set(chain.from_iterable(rows))
    terms = {name: _label_term(name) for name in sorted(names) if _is_term(name)}
    panels = [
        CurvePanel("loss", LOSSES, baselines),
        CurvePanel("terms of the loss, unweighted", terms),
        CurvePanel("error of filling in", ERRORS),
        CurvePanel("top-1 accuracy", ACCURACIES, from_zero=True),
        CurvePanel("share of patches", SHARES, from_zero=True, to_one=True),
        CurvePanel("learning rate", {"lr": "learning rate"}, from_zero=True),
    ]
    return [panel for panel in panels if names & set(panel.series)]


def _is_term(name: str) -> bool:
    """Whether a number is one term of the loss."""
    return name.startswith(("loss_", "val_loss_")) and "random75" not in name


def _label_term(name: str) -> str:
    """`val_loss_pixel_l1` is 'pixel l1, held out'."""
    plain = name.removeprefix("val_").removeprefix("loss_").replace("_", " ")
    return f"{plain}, held out" if name.startswith("val_") else plain


@rc_context(CHART_STYLE)
def training_curves(
    rows: Rows, baselines: Mapping[str, float] | None = None, title: str = ""
) -> Figure:
    """Draw every panel that the rows have numbers for, over optimizer steps.

    rows: those of metrics.jsonl, in order; each has a step and may lack any number. Values that are
        not finite are left out.
    baselines: name -> loss, dashed beside the loss.
    """
    panels = plan_panels(rows, baselines or {})
    columns = min(2, max(1, len(panels)))
    lines = max(1, math.ceil(len(panels) / columns))
    width = _WIDTH * columns
    height = _HEIGHT * lines + _TITLE_HEIGHT
    figure = Figure(figsize=(width, height), dpi=_DPI)
    grid = figure.subplots(lines, columns, squeeze=False)
    for axes, panel in zip(grid.flat, panels, strict=False):
        _draw(axes, rows, panel)
    # An odd number leaves a place empty.
    for axes in list(grid.flat)[len(panels) :]:
        axes.set_axis_off()
    _set_margins(figure, lines)
    # A tenth of an inch from the left border, and a little from the upper one.
    x = 0.1 / width
    y = 1 - 0.06 / height
    figure.suptitle(title, x=x, y=y, ha="left", va="top")
    return figure


def _set_margins(figure: Figure, lines: int) -> None:
    """Room for titles, legends and ticks, in inches: laying out by itself takes Matplotlib longer
    than all the rest, and this is drawn while a training waits.
    """
    width, height = figure.get_size_inches()
    figure.subplots_adjust(
        left=0.65 / width,
        right=1 - 0.15 / width,
        bottom=0.5 / height,
        top=1 - (_TITLE_HEIGHT + _ABOVE) / height,
        wspace=0.16,
        hspace=(_ABOVE + 0.5) / (_HEIGHT - _ABOVE - 0.5),
    )


def _draw(axes: Axes, rows: Rows, panel: CurvePanel) -> None:
    curves = {label: _points(rows, name) for name, label in panel.series.items()}
    curves = {label: points for label, points in curves.items() if points[0]}
    for color, (label, (steps, values)) in zip(SERIES, curves.items(), strict=False):
        marker = "o" if len(steps) < _FEW_POINTS else None
        axes.plot(
            steps, values, color=color, linewidth=1.5, marker=marker, markersize=3, label=label
        )
    for dashes, (name, value) in zip(cycle(_DASHES), panel.levels.items(), strict=False):
        label = f"{name} {value:.3g}"
        axes.axhline(value, color=QUIET, linewidth=1, linestyle=dashes, label=label)
    has_legend = len(curves) + len(panel.levels) > 1
    title = panel.title
    # A line alone is named by the title.
    if not has_legend and title not in curves:
        title = f"{title}: {next(iter(curves), '')}"
    axes.set_title(title, fontsize=10, pad=_TITLE_PAD if has_legend else 6)
    if has_legend:
        # Between title and axes, where it hides no line.
        axes.legend(
            loc="lower left", bbox_to_anchor=(0, 1), ncols=_LEGEND_ENTRIES, borderaxespad=0.1
        )
    axes.set_xlabel("step", fontsize=9, labelpad=1)
    # The same for every panel, so that they can be read below each other.
    axes.set_xlim(0, 1.02 * max(float(row["step"]) for row in rows))
    if curves:
        _scale(axes, [values for _, values in curves.values()], panel)


def _scale(axes: Axes, curves: Sequence[list[float]], panel: CurvePanel) -> None:
    """A vertical scale in which the course is seen, not only how it began."""
    if panel.from_zero:
        highest = max(max(values, default=0.0) for values in curves)
        # Room above the last point; a curve of zeros gets a scale all the same.
        axes.set_ylim(0, 1 if panel.to_one else 1.08 * highest or 1.0)
        return
    shown = list(panel.levels.values())
    for values in curves:
        first = int(_BEGINNING * len(values))
        shown += values[first:]
    highest = max(shown)
    lowest = min(shown)
    if lowest > 0 and highest > _WIDE_RANGE * lowest:
        axes.set_yscale("log")
        return
    margin = 0.06 * (highest - lowest) or 0.05 * abs(highest) or 1.0
    axes.set_ylim(lowest - margin, highest + margin)


def _points(rows: Rows, name: str) -> Points:
    """Steps and values of the rows that have a finite number of that name."""
    pairs = [(row.get("step"), row.get(name)) for row in rows]
    kept = [
        (float(step), float(value))
        for step, value in pairs
        if step is not None and value is not None and np.isfinite(value)
    ]
    return [step for step, _ in kept], [value for _, value in kept]
