"""Few labels: the same number of each class, another draw each time, and a mean that the draws
explain.
"""

import json

import pytest
import torch

from maskwright.evaluation.features import Features
from maskwright.evaluation.few_shot import FewShotSettings, draw_shots, measure_few_shot, read_shots
from maskwright.support.errors import MaskwrightError


def blobs(count, seed, spread=1.0):
    generator = torch.Generator().manual_seed(seed)
    labels = torch.arange(count) % 3
    centers = 3 * torch.eye(3, 6)
    return Features(
        None, centers[labels] + spread * torch.randn(count, 6, generator=generator), labels
    )


@pytest.mark.parametrize(
    ("shots", "each"), [("4", 4), ("10%", 3), ("0.1%", 1), ("100%", 30), ("500", 30)]
)
def test_every_class_gives_the_same_number(shots, each):
    labels = torch.arange(90) % 3
    kept = draw_shots(labels, shots, seed=0, draw=0)
    assert labels[kept].bincount().tolist() == [each] * 3


def test_draws_differ_and_repeat():
    labels = torch.arange(90) % 3
    first, again, other = (draw_shots(labels, "4", 0, draw) for draw in (0, 0, 1))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_the_result_is_the_mean_over_draws_and_more_labels_help():
    test = blobs(150, 1)
    few, many = (
        measure_few_shot(blobs(300, 0), test, FewShotSettings(shots=shots, draws=4))
        for shots in ("1", "30")
    )
    assert few["top1"]["value"] == pytest.approx(sum(few["by_draw"]) / 4)
    assert few["num_train"] == 3
    assert few["spread"] > many["spread"]
    assert many["top1"]["value"] > few["top1"]["value"]
    assert json.loads(json.dumps(few)) == few


@pytest.mark.parametrize("shots", ["many", "0", "0%", "200%", "-3"])
def test_shots_that_make_no_sense_are_refused(shots):
    with pytest.raises(MaskwrightError, match="Shots are"):
        read_shots(shots)
