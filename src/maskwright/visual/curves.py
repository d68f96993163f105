"""Numbers over training time as figures: the loss beside what predicts without learning."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from matplotlib import rc_context
from matplotlib.figure import Figure

from maskwright.support.errors import MaskwrightError
from maskwright.visual.axes import draw_level
from maskwright.visual.chart_style import CHART_STYLE
from maskwright.visual.palette import SERIES as COLORS

SERIES = {"loss": "training", "val_loss": "held out"}
# From this many points on, markers would merge into a thick line.
_TOO_DENSE = 30


@rc_context(CHART_STYLE)
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
    series = series or SERIES
    lines = _lines(metrics, x, series)
    if not lines:
        raise MaskwrightError(
            f"No metrics to draw: no line has '{x}' and one of {', '.join(series)}."
        )
    figure = Figure(figsize=(7.2, 4.2), layout="constrained")
    axes = figure.add_subplot(xlabel=x, ylabel=unit)
    axes.set_title(title, fontsize=11)
    for color, (label, points) in zip(COLORS, lines.items(), strict=False):
        steps, values = zip(*points, strict=True)
        marker = "o" if len(points) < _TOO_DENSE else None
        axes.plot(
            steps, values, color=color, linewidth=1.8, marker=marker, markersize=3.5, label=label
        )
    for name, value in (baselines or {}).items():
        draw_level(axes, f"{name} {value:.3g}", value)
    # A single line is named by the vertical axis.
    if len(lines) > 1:
        axes.legend(fontsize=9)
    return figure


def _lines(
    metrics: Sequence[Mapping[str, Any]], x: str, series: Mapping[str, str]
) -> dict[str, list[tuple[float, float]]]:
    """The (x, value) points by label, of those series that have any."""
    lines = {label: _points(metrics, x, key) for key, label in series.items()}
    return {label: points for label, points in lines.items() if points}


def _points(metrics: Sequence[Mapping[str, Any]], x: str, key: str) -> list[tuple[float, float]]:
    # Validation runs less often than training, so many lines lack a key.
    pairs = [(line.get(x), line.get(key)) for line in metrics]
    return [
        (float(step), float(value))
        for step, value in pairs
        if step is not None and value is not None and math.isfinite(value)
    ]
