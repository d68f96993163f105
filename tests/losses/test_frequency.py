"""The focal frequency term: energy kept, one wave one frequency, the worst frequency
counting most.
"""

import math

import pytest
import torch
from tests.losses.predictions import draw, measure

from maskwright.losses.frequency import focal_weights
from maskwright.patches import Grid, PatchMask, Prediction, patchify, take
from maskwright.support.errors import MaskwrightError
from maskwright.targets.building import read_target


@pytest.mark.parametrize("target", ["raw", "normalized"])
def test_without_focus_the_value_is_the_mean_squared_error(target):
    prediction = draw(target, num_predicted=5)
    assert measure("focal_frequency(alpha=0)", prediction).item() == pytest.approx(
        measure("mse", prediction).item(), rel=1e-9
    )


def test_without_focus_the_composite_value_is_the_mean_squared_error_of_predicted_pixels():
    prediction = draw("raw", num_predicted=5)
    assert measure(
        "focal_frequency(over='composite', alpha=0)", prediction
    ).item() == pytest.approx(measure("mse", prediction).item())


def test_a_single_wave_of_error_costs_the_same_with_any_focus():
    """All its energy lies in two mirrored frequencies of weight 1, so focusing changes nothing:
    amplitude squared / 2.
    """
    ids = torch.arange(2)[None]
    mask = PatchMask(ids[:, :1], ids[:, 1:], ids[:, 1:])
    wave = 3 * torch.cos(2 * math.pi * torch.arange(8, dtype=torch.float64) / 8).expand(8, 8)
    patches = torch.zeros(1, 2, 64, dtype=torch.float64)
    values = take(patchify(torch.cat([wave, wave], dim=1)[None, None], 8), mask.predicted_ids)
    prediction = Prediction(
        values, mask, patches, Grid(1, 2, 8), read_target("raw"), torch.zeros(1, 2, 2)
    )
    for alpha in (0, 1, 2.5):
        assert measure(f"focal_frequency(alpha={alpha})", prediction).item() == pytest.approx(4.5)


def test_two_waves_count_by_their_size():
    """Errors of magnitude 4 and 1 weigh 1 and (1/4)**alpha."""
    power = torch.tensor([[[16.0, 1.0]]])
    assert focal_weights(power, 1.0).flatten().tolist() == [1.0, 0.25]
    assert focal_weights(power, 2.0).flatten().tolist() == [1.0, 0.0625]
    assert focal_weights(torch.zeros(1, 2, 2), 1.0).abs().max() == 0


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("focal_frequency(alpha=-1)", "at least 0"),
        ("focal_frequency('patches')", "Did you mean 'patch'"),
    ],
)
def test_a_mistake_is_a_sentence(line, message):
    with pytest.raises(MaskwrightError, match=message):
        measure(line, draw())
