"""Curves of what is lost as patches vanish: a column per order, accuracy above and drift below."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from itertools import chain
from typing import Any

from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from maskwright.support.errors import MaskwrightError
from maskwright.visual.axes import Band, draw_band, draw_level, write_heading
from maskwright.visual.chart_style import CHART_STYLE
from maskwright.visual.palette import PAPER

_ROWS = (("accuracy", "top-1 of the fixed probe"), ("drift", "drift of the features"))
# Letters of a note that fit under one column.
_NOTE_WIDTH = 56

Named = Sequence[tuple[str, Mapping[str, Any]]]
"""Subjects by name, each with the tables that were measured of it."""


@rc_context(CHART_STYLE)
def draw_occlusion(subjects: Named, title: str, note: str = "") -> Figure:
    """Draw the tables of several subjects, a line for each.

    subjects: name and {"curves": {order: {"ratios", "accuracy", "drift", "area"}}, "chance"}.
    note: a text at the foot.
    """
    every_order = chain.from_iterable(tables["curves"] for _, tables in subjects)
    orders = list(dict.fromkeys(every_order))
    if not orders:
        raise MaskwrightError("There is nothing to draw: no subject lost a patch.")
    width = max(7.2, 3.6 * len(orders))
    figure = Figure(figsize=(width, 7.0), dpi=130, layout="constrained", facecolor=PAPER)
    axes = figure.subplots(2, len(orders), sharex=True, sharey="row", squeeze=False)
    chance = subjects[0][1]["chance"]
    for column, order in enumerate(orders):
        upper, lower = axes[:, column]
        for cell, (key, _) in zip((upper, lower), _ROWS, strict=True):
            _draw_subjects(cell, subjects, order, key)
        upper.set_title(order, fontsize=10.5)
        upper.legend(
            fontsize=8, loc="upper right", title="area", title_fontsize=8, alignment="left"
        )
        lower.set_xlabel("share of patches taken away")
        # Levels that tell what a curve has fallen to, or risen to.
        draw_level(upper, f"chance {chance:.2f}", chance, below=True)
        if _top(subjects, "drift") > 1:
            draw_level(lower, "another picture", 1.0, at_left=True)
    # Columns share their vertical scales, so the first names them for all.
    for cell, (_, label) in zip(axes[:, 0], _ROWS, strict=True):
        cell.set_ylabel(label)
    note_width = _NOTE_WIDTH * max(2, len(orders))
    write_heading(figure, title, textwrap.wrap(note, note_width))
    return figure


def _draw_subjects(axes: Axes, subjects: Named, order: str, key: str) -> None:
    """A line per subject that was measured in this order; colors go by subject in all columns."""
    for index, (name, tables) in enumerate(subjects):
        curve = tables["curves"].get(order)
        if curve is not None:
            draw_band(axes, index, _band(curve, key, name))
    axes.set_ylim(0, _top(subjects, key))


def _top(subjects: Named, key: str) -> float:
    """The end of a row's scale: room for the legend above accuracies, and a little above drift."""
    highs = []
    for _, tables in subjects:
        for curve in tables["curves"].values():
            highs += [point["high"] for point in curve[key]]
    room = 1.35 if key == "accuracy" else 1.08
    return float(max(highs) * room)


def _band(curve: Mapping[str, Any], key: str, name: str) -> Band:
    points = curve[key]
    # An order with a single share has no area under its curve.
    area = curve["area"]["value"]
    area_text = "-" if area is None else f"{area:.2f}"
    return Band(
        f"{name} {area_text}",
        curve["ratios"],
        [point["value"] for point in points],
        [point["low"] for point in points],
        [point["high"] for point in points],
    )
