"""Scores of hidden pixels and fills that learn nothing: known answers, and hidden pixels never
read.
"""

from __future__ import annotations

import pytest
import torch

from maskwright.evaluation.fillers import fill_trivially
from maskwright.evaluation.pixel_scores import join_scores, score_pixels


def hole() -> torch.Tensor:
    is_hidden = torch.zeros(1, 1, 16, 16, dtype=torch.bool)
    is_hidden[..., 4:12, 4:12] = True
    return is_hidden


def test_a_flat_offset_costs_psnr_and_high_frequencies_only_at_the_rim() -> None:
    truth = torch.full((1, 3, 16, 16), 0.5)
    scores = score_pixels(torch.where(hole(), 0.6, truth), truth, hole())
    assert float(scores.psnr) == pytest.approx(20, abs=1e-3)
    assert float(scores.high_frequency) == pytest.approx(0.1 * 32 / 64, abs=1e-6)
    assert scores.lpips is None


def test_a_perfect_fill_costs_nothing() -> None:
    truth = torch.rand(2, 3, 16, 16, generator=torch.Generator().manual_seed(0))
    scores = score_pixels(
        truth,
        truth,
        hole().expand(2, -1, -1, -1),
        lambda left, right: (left - right).abs().flatten(1).sum(1),
    )
    assert scores.high_frequency.tolist() == [0, 0]
    assert scores.columns()["lpips"].tolist() == [0, 0]
    joined = join_scores([scores, scores])
    assert [len(values) for values in joined.columns().values()] == [4, 4, 4, 4]


@pytest.mark.parametrize("channels", [1, 3, 4])
def test_trivial_fills_never_read_hidden_pixels_and_keep_the_others(channels: int) -> None:
    truth = torch.rand(1, channels, 16, 16, generator=torch.Generator().manual_seed(1))
    one, other = (
        fill_trivially(truth, hole()),
        fill_trivially(torch.where(hole(), 0.123, truth), hole()),
    )
    assert ("telea" in one) <= (channels != 4)
    for name in one:
        assert torch.equal(one[name], other[name]), name
        assert torch.equal(torch.where(hole(), 0, one[name]), torch.where(hole(), 0, truth)), name


def test_the_mean_fill_is_the_mean_of_what_is_seen() -> None:
    truth = torch.where(hole(), 0.9, 0.3).expand(1, 3, -1, -1)
    assert torch.allclose(fill_trivially(truth, hole())["mean color"], torch.tensor(0.3))
