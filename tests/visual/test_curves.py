"""Loss curves: the right points, the baselines named, gaps and infinities left out."""

import pytest

from maskwright.support.errors import MaskwrightError
from maskwright.visual.curves import loss_curve


def lines_of(figure):
    return {
        line.get_label(): line.get_xydata().tolist()
        for line in figure.axes[0].get_lines()
        if not line.get_label().startswith("_")
    }


def test_training_and_held_out_loss_are_drawn_at_their_epochs():
    metrics = [
        {"epoch": 1, "loss": 0.9},
        {"epoch": 2, "loss": 0.8, "val_loss": 0.85},
        {"epoch": 3, "loss": 0.7},
    ]
    assert lines_of(loss_curve(metrics)) == {
        "training": [[1, 0.9], [2, 0.8], [3, 0.7]],
        "held out": [[2, 0.85]],
    }


def test_baselines_are_level_lines_with_their_names():
    axes = loss_curve(
        [{"epoch": 1, "loss": 0.9}], {"patch mean": 0.98, "bilinear fill": 0.87}
    ).axes[0]
    assert [line.get_ydata()[0] for line in axes.get_lines()][1:] == [0.98, 0.87]
    assert [text.get_text() for text in axes.texts] == ["patch mean 0.98", "bilinear fill 0.87"]


def test_values_that_are_not_finite_are_left_out():
    metrics = [
        {"epoch": 1, "loss": 0.9},
        {"epoch": 2, "loss": float("nan")},
        {"epoch": 3, "loss": None},
        {"epoch": 4, "loss": float("inf")},
    ]
    assert lines_of(loss_curve(metrics)) == {"training": [[1, 0.9]]}


def test_other_series_and_another_axis_can_be_asked_for():
    figure = loss_curve(
        [{"step": 10, "top1": 0.3}],
        x="step",
        series={"top1": "k-NN"},
        unit="accuracy",
        title="probe",
    )
    assert lines_of(figure) == {"k-NN": [[10, 0.3]]}
    axes = figure.axes[0]
    assert (axes.get_xlabel(), axes.get_ylabel(), axes.get_title(loc="left")) == (
        "step",
        "accuracy",
        "probe",
    )


def test_nothing_to_draw_is_an_error():
    with pytest.raises(MaskwrightError, match="'epoch' and one of loss, val_loss"):
        loss_curve([{"step": 1, "loss": 0.5}])
