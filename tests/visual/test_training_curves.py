"""The figure of a training: which panels there are, what they draw, and how they are scaled."""

from __future__ import annotations

import math
from typing import Any

from maskwright.visual.training_curves import plan_panels, training_curves

ROWS: list[dict[str, Any]] = [
    {"step": 10 * at, "loss": 5.0 if at == 0 else 1 - at / 100, "lr": 1e-3, "masked": 0.75}
    for at in range(40)
]


def labels(axes: Any) -> set[str]:
    return {line.get_label() for line in axes.get_lines()}


def test_only_what_was_measured_has_a_panel() -> None:
    assert [panel.title for panel in plan_panels(ROWS, {})] == [
        "loss",
        "share of patches",
        "learning rate",
    ]
    more = [*ROWS, {"step": 400, "knn_top1": 0.4, "loss_mse": 0.5, "val_loss_mse": 0.6}]
    titles = [panel.title for panel in plan_panels(more, {})]
    assert titles == [
        "loss",
        "terms of the loss, unweighted",
        "top-1 accuracy",
        "share of patches",
        "learning rate",
    ]


def test_losses_stand_beside_their_baselines() -> None:
    rows = [*ROWS, {"step": 390, "val_loss": 0.7, "val_loss_random75": 0.8}]
    axes = training_curves(rows, {"patch mean": 0.98}).axes[0]
    assert labels(axes) == {"training", "held out", "held out, 75 % random", "patch mean 0.98"}
    assert axes.get_legend() is not None


def test_the_beginning_may_stick_out_and_the_end_is_seen() -> None:
    low, high = training_curves(ROWS).axes[0].get_ylim()
    assert high < 1.2
    assert low < 0.61


def test_a_loss_that_explodes_gets_a_logarithmic_scale() -> None:
    rows = [{"step": at, "loss": 10.0 ** (at % 5)} for at in range(1, 40)]
    assert training_curves(rows).axes[0].get_yscale() == "log"


def test_values_that_are_not_finite_are_left_out() -> None:
    rows = [*ROWS[:5], {"step": 60, "loss": math.nan}, {"step": 70, "loss": None}]
    (line,) = training_curves(rows).axes[0].get_lines()
    assert len(line.get_xdata()) == 5


def test_all_panels_share_the_steps() -> None:
    figure = training_curves(ROWS, title="runs/one")
    limits = {axes.get_xlim() for axes in figure.axes if axes.axison}
    assert len(limits) == 1
    assert figure.get_suptitle() == "runs/one"


def test_there_is_room_above_the_highest_accuracy() -> None:
    rows = [{"step": 1, "knn_top1": 0.43}, {"step": 2, "knn_top1": 0.45}]
    figure = training_curves(rows)
    (panel,) = [axes for axes in figure.axes if "k-NN" in axes.get_title(loc="left")]
    assert panel.get_ylim()[0] == 0
    assert 0.46 < panel.get_ylim()[1] < 0.6
