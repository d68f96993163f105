"""Numbers over training time as figures: the loss beside what predicts without learning."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from matplotlib.figure import Figure

from maskwright.support.errors import MaskwrightError
from maskwright.visual.axes import draw_level, style_axes
from maskwright.visual.palette import INK
from maskwright.visual.palette import SERIES as COLORS

SERIES = {"loss": "training", "val_loss": "held out"}


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

    metrics: lines of metrics.jsonl in order, each a dict; a line may lack a series.
    baselines: name -> loss.
    series: key -> label, by default `loss` and `val_loss`; values that are not finite are left out.

    Raises MaskwrightError when no line has a known series.
    """
    lines = {label: _points(metrics, x, key) for key, label in (series or SERIES).items()}
    lines = {label: points for label, points in lines.items() if points}
    if not lines:
        raise MaskwrightError(
            f"No metrics to draw: no line has '{x}' and one of {', '.join(series or SERIES)}."
        )
    figure = Figure(figsize=(7.2, 4.2), dpi=144, layout="constrained")
    axes = figure.add_subplot()
    style_axes(axes, x, unit)
    axes.set_title(title, loc="left", color=INK, fontsize=11, fontweight="bold")
    for color, (label, points) in zip(COLORS, lines.items(), strict=False):
        marker = "o" if len(points) < 30 else None
        axes.plot(
            *zip(*points, strict=True),
            color=color,
            linewidth=1.8,
            marker=marker,
            markersize=3.5,
            label=label,
        )
    for name, value in (baselines or {}).items():
        draw_level(axes, f"{name} {value:.3g}", value)
    if len(lines) > 1:
        axes.legend(frameon=False, fontsize=9, labelcolor=INK)
    return figure


def _points(metrics: Sequence[Mapping[str, Any]], x: str, key: str) -> list[tuple[float, float]]:
    both = [
        (line[x], line[key])
        for line in metrics
        if line.get(x) is not None and line.get(key) is not None
    ]
    return [(float(at), float(value)) for at, value in both if math.isfinite(value)]
