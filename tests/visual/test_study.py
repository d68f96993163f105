"""Figures of studies: the right numbers in the right places, and SVG that depends on nothing
outside.
"""

import re
import xml.etree.ElementTree as ElementTree

import pytest

from maskwright.support.errors import MaskwrightError
from maskwright.visual.palette import INK
from maskwright.visual.study import (
    Cost,
    Dot,
    frontier_plot,
    interval_plot,
    learning_plot,
    pareto_front,
)
from maskwright.visual.svg import to_svg

DOTS = [
    Dot(label="random", mean=0.50, low=0.48, high=0.52, points=(0.49, 0.51), kind="baseline"),
    Dot(label="block(size=2)", mean=0.55, kind="better"),
]


def test_a_name_wider_than_the_figure_takes_two_lines() -> None:
    name = "segmentation(maps=parts, blocks=all, balanced=True) miou"
    short, wide = interval_plot(DOTS, "top-1"), interval_plot(DOTS, name)
    assert wide.axes[0].get_xlabel().replace("\n", " ") == name
    assert "\n" in wide.axes[0].get_xlabel()
    assert wide.get_figheight() > short.get_figheight()


def test_intervals_stand_where_the_numbers_are_and_arms_without_one_have_none():
    axes = interval_plot(DOTS, "top-1").axes[0]
    assert [line.get_xydata().tolist() for line in axes.get_lines()] == [[[0.48, 0], [0.52, 0]]]
    assert [label.get_text() for label in axes.get_yticklabels()] == ["random", "block(size=2)"]


def test_only_arms_that_nothing_beats_for_less_are_on_the_frontier():
    reached = {"a": (1, 0.5), "b": (2, 0.4), "c": (2, 0.7), "d": (3, 0.7), "e": (4, 0.8)}
    costs = [
        Cost(dot=Dot(label=name, mean=mean), spent=spent) for name, (spent, mean) in reached.items()
    ]
    assert [cost.dot.label for cost in pareto_front(costs)] == ["a", "c", "e"]
    assert [cost.dot.label for cost in pareto_front(costs, larger_is_better=False)] == ["a", "b"]


def test_the_frontier_draws_its_steps():
    figure = frontier_plot(
        [Cost(dot=DOTS[0], spent=1.0), Cost(dot=DOTS[1], spent=2.0)], "TFLOPs", "top-1"
    )
    assert [2.0, 0.55] in figure.axes[0].get_lines()[-1].get_xydata().tolist()


def test_more_arms_than_colors_are_all_drawn_apart():
    curves = {
        f"arm {number}": [(0.0, 1.0), (1.0, float("nan")), (2.0, number)] for number in range(20)
    }
    lines = learning_plot(curves, "step", "loss").axes[0].get_lines()
    assert len({(line.get_color(), str(line._dash_pattern)) for line in lines}) == 20
    assert [len(line.get_xydata()) for line in lines] == [2] * 20


def test_nothing_to_draw_is_said():
    for call in (
        lambda: interval_plot([], "x"),
        lambda: frontier_plot([], "x", "y"),
        lambda: learning_plot({"a": []}, "x", "y"),
    ):
        with pytest.raises(MaskwrightError):
            call()


def test_svg_is_whole_labeled_and_takes_font_and_ink_from_the_page():
    svg = to_svg(interval_plot(DOTS, "top-1 & <more>"), 'means of "arms"')
    root = ElementTree.fromstring(svg)
    assert root.attrib["aria-label"] == 'means of "arms"'
    assert root.attrib["viewBox"]
    assert "width" not in root.attrib
    assert "top-1 &amp; &lt;more&gt;" in svg
    assert "DejaVu" not in svg
    assert INK not in svg
    assert "currentColor" in svg
    assert not re.search(r'(href|src)="(?!#)', svg)
    assert to_svg(interval_plot(DOTS, "top-1 & <more>"), 'means of "arms"') == svg
