"""Numbers over training time as figures: the loss beside what predicts without learning."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from maskwright.support.errors import MaskwrightError

SERIES = {"loss": "training", "val_loss": "held out"}
_INK, _MUTED, _FAINT = "#1f2328", "#59636e", "#d0d7de"
_LINES = ("#1f6feb", "#d1570a", "#1a7f64", "#8250df")


def loss_curve(
    metrics: Sequence[Mapping[str, Any]],
    baselines: Mapping[str, float] | None = None,
    *,
    x: str = "epoch",
    series: Mapping[str, str] | None = None,
    title: str = "",
    unit: str = "masked mean squared error",
) -> Figure:
    """Draw loss against `x`, with baselines as labeled dashed lines.

    metrics: lines of metrics.jsonl in order, each a dict; a line may lack a series. baselines: name -> loss. series: key -> label, by
    default `loss` and `val_loss`; values that are not finite are left out. Raises MaskwrightError when no line has a known series.
    """
    lines = {label: _points(metrics, x, key) for key, label in (series or SERIES).items()}
    lines = {label: points for label, points in lines.items() if points}
    if not lines:
        raise MaskwrightError(f"No metrics to draw: no line has '{x}' and one of {', '.join(series or SERIES)}.")
    figure = Figure(figsize=(7.2, 4.2), dpi=144, layout="constrained")
    axes = figure.add_subplot()
    _style(axes, x, unit, title)
    for color, (label, points) in zip(_LINES, lines.items(), strict=False):
        marker = "o" if len(points) < 30 else None
        axes.plot(*zip(*points, strict=True), color=color, linewidth=1.8, marker=marker, markersize=3.5, label=label)
    for name, value in (baselines or {}).items():
        _draw_baseline(axes, name, value)
    if len(lines) > 1:
        axes.legend(frameon=False, fontsize=9, labelcolor=_INK)
    return figure


def _points(metrics: Sequence[Mapping[str, Any]], x: str, key: str) -> list[tuple[float, float]]:
    both = [(line[x], line[key]) for line in metrics if line.get(x) is not None and line.get(key) is not None]
    return [(float(at), float(value)) for at, value in both if math.isfinite(value)]


def _draw_baseline(axes: Axes, name: str, value: float) -> None:
    axes.axhline(value, color=_MUTED, linewidth=1, linestyle=(0, (5, 3)))
    axes.annotate(
        f"{name} {value:.3g}",
        (1, value),
        xycoords=("axes fraction", "data"),
        xytext=(-2, 3),
        textcoords="offset points",
        ha="right",
        fontsize=8.5,
        color=_MUTED,
    )


def _style(axes: Axes, x: str, unit: str, title: str) -> None:
    axes.set_xlabel(x, color=_INK, fontsize=10)
    axes.set_ylabel(unit, color=_INK, fontsize=10)
    axes.set_title(title, loc="left", color=_INK, fontsize=11, fontweight="bold")
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color(_FAINT)
    axes.tick_params(colors=_MUTED, labelsize=9, length=3)
    axes.grid(axis="y", color=_FAINT, linewidth=0.6, alpha=0.7)
    axes.set_axisbelow(True)
