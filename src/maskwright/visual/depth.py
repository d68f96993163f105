"""How well a probe does after each block of an encoder, one line per encoder with its interval."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from matplotlib import rc_context
from matplotlib.figure import Figure

from maskwright.support.errors import MaskwrightError
from maskwright.visual.axes import Band, draw_band
from maskwright.visual.chart_style import CHART_STYLE
from maskwright.visual.palette import TEXT_SIZE, TITLE_SIZE


@rc_context(CHART_STYLE)
def depth_figure(by_layer: Mapping[str, Sequence[Mapping[str, Any]]], title: str) -> Figure:
    """Draw top-1 against the block.

    by_layer: encoder -> rows with `layer` and `top1` (value, low, high).
    """
    if not by_layer:
        raise MaskwrightError("A figure by depth needs at least one encoder.")
    figure = Figure(figsize=(6.4, 3.9), layout="constrained")
    axes = figure.add_subplot(xlabel="block", ylabel="top-1, % (band: 95% over test images)")
    for index, (name, rows) in enumerate(by_layer.items()):
        draw_band(
            axes,
            index,
            Band(
                name,
                [row["layer"] for row in rows],
                _percent(rows, "value"),
                _percent(rows, "low"),
                _percent(rows, "high"),
            ),
        )
    axes.set_title(title, fontsize=TITLE_SIZE + 1)
    # About twelve ticks, so that the numbers of deep encoders do not touch.
    deepest = max(row["layer"] for rows in by_layer.values() for row in rows)
    axes.set_xticks(range(1, deepest + 1, max(1, deepest // 12)))
    axes.legend(fontsize=TEXT_SIZE)
    return figure


def _percent(rows: Sequence[Mapping[str, Any]], end: str) -> list[float]:
    return [100 * row["top1"][end] for row in rows]
