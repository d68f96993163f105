"""The collapse of masks has numbers whose ends are known, and every batch is counted once."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from maskwright.training.monitor import KEPT, MaskMonitor


def masks(*rows: list[int]) -> Tensor:
    """One mask for each row of flags, 1 = masked."""
    return torch.tensor(rows, dtype=torch.bool)


def watched(*batches: Tensor) -> MaskMonitor:
    monitor = MaskMonitor(batches[0].shape[1])
    for batch in batches:
        monitor.add(batch)
    return monitor


def test_every_place_masked_equally_often_has_entropy_one() -> None:
    monitor = watched(masks([1, 0, 0, 0], [0, 1, 0, 0]), masks([0, 0, 1, 0], [0, 0, 0, 1]))
    assert monitor.take_row()["mask_entropy"] == pytest.approx(1)
    assert monitor.marginals().tolist() == [0.25] * 4


def test_the_same_places_always_have_entropy_zero_and_likeness_one() -> None:
    numbers = watched(masks([1, 0, 0, 0], [1, 0, 0, 0])).take_row()
    assert numbers["mask_entropy"] == pytest.approx(0, abs=1e-9)
    assert numbers["mask_likeness"] == pytest.approx(1)


def test_entropy_is_that_of_each_place_over_that_of_the_mean_share() -> None:
    """Shares 1, 1/2, 1/2, 0: places have 0, 1, 1 and 0 bits; the mean share, a half, has 1."""
    numbers = watched(masks([1, 1, 0, 0], [1, 0, 1, 0])).take_row()
    assert numbers["mask_entropy"] == pytest.approx(0.5)


def test_masks_without_a_common_place_are_less_alike_than_chance() -> None:
    """Two masks of half the places that share none: agreement 0 where chance has a half, (0 - 1/2)
    / (1 - 1/2).
    """
    assert watched(masks([1, 1, 0, 0], [0, 0, 1, 1])).take_row()["mask_likeness"] == -1


def test_independent_masks_have_a_likeness_of_zero() -> None:
    flags = torch.rand(400, 64, generator=torch.Generator().manual_seed(0)).argsort(1) < 48
    numbers = watched(flags).take_row()
    assert numbers["mask_likeness"] == pytest.approx(0, abs=0.01)
    assert numbers["mask_entropy"] == pytest.approx(1, abs=0.01)


def test_a_row_counts_what_came_since_the_last_and_totals_count_all() -> None:
    monitor = watched(masks([1, 0], [1, 0]))
    assert monitor.take_row()["mask_entropy"] == pytest.approx(0, abs=1e-9)
    assert monitor.take_row() == {}, "nothing came since"
    monitor.add(masks([0, 1], [0, 1]))
    assert monitor.take_row()["mask_entropy"] == pytest.approx(0, abs=1e-9)
    assert monitor.totals()["mask_entropy"] == pytest.approx(1)
    assert math.isclose(float(monitor.marginals()[0]), 0.5)


def test_the_latest_masks_are_kept_and_no_more_batches_than_needed() -> None:
    size = KEPT // 2
    batches = [number % 2 == torch.arange(2).expand(size, 2) for number in range(5)]
    monitor = watched(*batches)
    kept: Tensor = monitor.masks()
    assert torch.equal(kept, torch.cat(batches[-2:]))
    assert MaskMonitor(7).masks().shape == (0, 7)
