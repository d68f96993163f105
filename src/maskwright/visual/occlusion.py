"""Curves of what is lost as patches vanish: a column for each order, accuracy above and drift
below, a line for each encoder.
"""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from maskwright.support.errors import MaskwrightError
from maskwright.visual.axes import draw_band, draw_level, style_axes
from maskwright.visual.palette import INK, PAPER, QUIET

_ROWS = (("accuracy", "top-1 of the fixed probe"), ("drift", "drift of the features"))

Named = Sequence[tuple[str, Mapping[str, Any]]]


def draw_occlusion(subjects: Named, title: str, note: str = "") -> Figure:
    """Draw the tables of several subjects by name: {"curves": {order: {"ratios", "accuracy",
    "drift", "area"}}, "chance"}.
    """
    orders = list(dict.fromkeys(order for _, tables in subjects for order in tables["curves"]))
    if not orders:
        raise MaskwrightError("There is nothing to draw: no subject lost a patch.")
    figure = Figure(
        figsize=(max(7.2, 3.6 * len(orders)), 7.0), dpi=130, layout="constrained", facecolor=PAPER
    )
    axes = figure.subplots(2, len(orders), sharex=True, sharey="row", squeeze=False)
    for column, order in enumerate(orders):
        for row, (key, label) in enumerate(_ROWS):
            one = axes[row, column]
            for at, (name, tables) in enumerate(subjects):
                if order in tables["curves"]:
                    _draw(one, tables["curves"][order], key, name, at)
            one.set_ylim(0, _top(subjects, key))
            style_axes(
                one, "share of patches taken away" if row else "", label if column == 0 else ""
            )
        axes[0, column].set_title(order, loc="left", fontsize=10.5, color=INK, fontweight="bold")
        axes[0, column].legend(
            frameon=False,
            fontsize=8,
            labelcolor=INK,
            loc="upper right",
            title="area",
            title_fontsize=8,
            alignment="left",
        )
        draw_level(
            axes[0, column],
            f"chance {subjects[0][1]['chance']:.2f}",
            subjects[0][1]["chance"],
            below=True,
        )
        if _top(subjects, "drift") > 1:
            draw_level(axes[1, column], "another picture", 1.0, at_left=True)
    figure.suptitle(title, x=0.01, ha="left", color=INK, fontsize=12, fontweight="bold")
    if note:
        figure.supxlabel(
            "\n".join(textwrap.wrap(note, 56 * max(2, len(orders)))),
            x=0.01,
            ha="left",
            color=QUIET,
            fontsize=8,
        )
    return figure


def _top(subjects: Named, key: str) -> float:
    """The end of a row's scale: room for the legend above accuracies, and a little above the
    largest drift.
    """
    highest = max(
        point["high"]
        for _, tables in subjects
        for curve in tables["curves"].values()
        for point in curve[key]
    )
    return highest * (1.35 if key == "accuracy" else 1.08)


def _draw(axes: Axes, curve: Mapping[str, Any], key: str, name: str, at: int) -> None:
    values, lows, highs = ([point[end] for point in curve[key]] for end in ("value", "low", "high"))
    area = curve["area"]["value"]
    label = f"{name} -" if area is None else f"{name} {area:.2f}"
    draw_band(axes, at, curve["ratios"], values, lows, highs, label)
