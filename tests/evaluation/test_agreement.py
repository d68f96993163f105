"""Whether features know a picture again: chance, perfect features, shared parts, neighbors."""

from __future__ import annotations

import pytest
import torch

from maskwright.evaluation.agreement import measure_agreement, nearest_pictures
from maskwright.support.errors import MaskwrightError


def noise(count: int, width: int, seed: int) -> torch.Tensor:
    return torch.randn(count, width, generator=torch.Generator().manual_seed(seed))


def test_the_same_features_find_every_picture() -> None:
    features = noise(50, 8, 0)
    result = measure_agreement(features, features + 0.01 * noise(50, 8, 1))
    assert result.interval().value == 1
    assert result.chance == 1 / 50


def test_independent_features_find_as_many_as_chance() -> None:
    found = measure_agreement(noise(400, 8, 0), noise(400, 8, 1)).found
    assert float(found.mean()) < 0.02


def test_a_part_that_all_pictures_share_changes_nothing() -> None:
    first, second = noise(60, 8, 0), noise(60, 8, 0) + 0.5 * noise(60, 8, 1)
    shared = 1000 * torch.ones(8)
    alone = measure_agreement(first, second).found
    assert torch.equal(measure_agreement(first + shared, second + shared).found, alone)


def test_features_that_are_all_the_same_find_no_more_than_one() -> None:
    found = measure_agreement(torch.ones(30, 4), torch.ones(30, 4)).found
    assert float(found.mean()) <= 1 / 30


def test_a_gap_is_paired_picture_by_picture() -> None:
    clear, blurred = noise(200, 8, 0), noise(200, 8, 0) + 2 * noise(200, 8, 1)
    better = measure_agreement(clear, clear)
    worse = measure_agreement(clear, blurred)
    gap = better.above(worse)
    assert gap.low > 0
    assert gap.value == pytest.approx(1 - float(worse.found.mean()))
    assert better.above(better).high == 0


def test_neighbors_are_the_nearest_others() -> None:
    # Two pairs that lie close together.
    features = torch.tensor([[1.0, 0.0], [1.1, 0.1], [-1.0, 0.2], [-1.1, 0.1]])
    assert nearest_pictures(features, 1)[:, 0].tolist() == [1, 0, 3, 2]
    assert nearest_pictures(features, 9).shape == (4, 3)


@pytest.mark.parametrize(("first", "second"), [(1, 1), (3, 4)])
def test_too_few_or_unequal_crops_are_refused(first: int, second: int) -> None:
    with pytest.raises(MaskwrightError, match="two crops of at least two pictures"):
        measure_agreement(noise(first, 2, 0), noise(second, 2, 0))
