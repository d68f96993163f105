"""How well a probe does after each block of an encoder, one line per encoder with its interval."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from matplotlib.figure import Figure

from maskwright.support.errors import MaskwrightError
from maskwright.visual.axes import draw_band, style_axes
from maskwright.visual.palette import INK, TEXT_SIZE, TITLE_SIZE


def depth_figure(by_layer: Mapping[str, Sequence[Mapping[str, Any]]], title: str) -> Figure:
    """Draw top-1 against the block; by_layer: encoder -> rows with `layer` and `top1` (value, low,
    high).
    """
    if not by_layer:
        raise MaskwrightError("A figure by depth needs at least one encoder.")
    figure = Figure(figsize=(6.4, 3.9), dpi=144, layout="constrained")
    axes = figure.add_subplot()
    for place, (name, rows) in enumerate(by_layer.items()):
        values, lows, highs = (
            [100 * row["top1"][end] for row in rows] for end in ("value", "low", "high")
        )
        draw_band(axes, place, [row["layer"] for row in rows], values, lows, highs, name)
    style_axes(axes, "block", "top-1, % (band: 95% over test images)")
    axes.set_title(title, loc="left", color=INK, fontsize=TITLE_SIZE + 1, fontweight="bold")
    most = max(row["layer"] for rows in by_layer.values() for row in rows)
    axes.set_xticks(range(1, most + 1, max(1, most // 12)))
    axes.legend(frameon=False, fontsize=TEXT_SIZE, labelcolor=INK)
    return figure
