"""How well a probe does after each block of an encoder, one line per encoder with its interval."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from matplotlib.figure import Figure

from maskwright.support.errors import MaskwrightError
from maskwright.visual.palette import GRID_LINE, INK, QUIET, SERIES, TEXT_SIZE, TITLE_SIZE


def depth_figure(by_layer: Mapping[str, Sequence[Mapping[str, Any]]], title: str) -> Figure:
    """Draw top-1 against the block; by_layer: encoder -> rows with `layer` and `top1` (value, low, high)."""
    if not by_layer:
        raise MaskwrightError("A figure by depth needs at least one encoder.")
    figure = Figure(figsize=(6.4, 3.9), dpi=144, layout="constrained")
    axes = figure.add_subplot()
    for place, (name, rows) in enumerate(by_layer.items()):
        color = SERIES[place % len(SERIES)]
        layers = [row["layer"] for row in rows]
        values = [[100 * row["top1"][end] for row in rows] for end in ("value", "low", "high")]
        axes.plot(layers, values[0], color=color, linewidth=1.8, marker="o", markersize=3.5, label=name)
        axes.fill_between(layers, values[1], values[2], color=color, alpha=0.15, linewidth=0)
    axes.set_title(title, loc="left", color=INK, fontsize=TITLE_SIZE + 1, fontweight="bold")
    axes.set_xlabel("block", color=INK, fontsize=TEXT_SIZE + 1)
    axes.set_ylabel("top-1, % (band: 95% over test images)", color=INK, fontsize=TEXT_SIZE + 1)
    most = max(row["layer"] for rows in by_layer.values() for row in rows)
    axes.set_xticks(range(1, most + 1, max(1, most // 12)))
    axes.tick_params(colors=QUIET, labelsize=TEXT_SIZE, length=3)
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(axis="y", color=GRID_LINE, linewidth=0.6)
    axes.set_axisbelow(True)
    axes.legend(frameon=False, fontsize=TEXT_SIZE, labelcolor=INK)
    return figure
