"""What shrinking loses, and how wide things are, on pictures of which both are known."""

from __future__ import annotations

import numpy as np
import pytest

from maskwright.evaluation.picture_detail import measure_lost, structure_size


def wave(periods: float, side: int = 96, *, amplitude: float = 50) -> np.ndarray:
    columns = np.arange(side) / side
    row = 128 + amplitude * np.sin(2 * np.pi * periods * columns)
    return np.broadcast_to(row, (side, side)).copy()


def test_a_wave_is_lost_at_sizes_that_cannot_hold_it() -> None:
    # 20 periods need more than 40 pixels.
    lost = measure_lost(wave(20), (64, 48, 32))
    assert [round(one.energy, 2) for one in lost] == [0, 0, 1]


def test_of_two_waves_the_fine_one_counts_more_among_edges() -> None:
    both = wave(8, amplitude=40) + wave(24, amplitude=20) - 128
    (lost,) = measure_lost(both, (32,))
    # Energy goes with the square of the amplitude, edges with that of the frequency too.
    assert lost.energy == pytest.approx(400 / 2000, abs=0.01)
    assert lost.edges == pytest.approx(9 / (9 + 4), abs=0.02)


def test_nothing_is_lost_at_the_own_size_and_of_a_flat_picture() -> None:
    rng = np.random.default_rng(0)
    for gray in (rng.normal(128, 20, (48, 48)), np.full((48, 48), 7.0)):
        assert [(one.energy, one.edges) for one in measure_lost(gray, (48, 96))] == [(0, 0), (0, 0)]


@pytest.mark.parametrize("share", [0.1, 0.2, 0.3])
def test_a_disk_is_about_as_wide_as_it_is(share: float) -> None:
    rows, cols = np.mgrid[:128, :128] / 128 - 0.5
    disk = np.where(np.hypot(rows, cols) < share / 2, 200.0, 50.0)
    assert 0.75 * share < structure_size(disk) < 1.05 * share


def test_size_is_a_share_of_the_side_and_0_without_structure() -> None:
    rows, cols = np.mgrid[:128, :128] / 128 - 0.5
    disk = np.where(np.hypot(rows, cols) < 0.1, 200.0, 50.0)
    larger = disk.repeat(2, axis=0).repeat(2, axis=1)
    assert structure_size(larger) == pytest.approx(structure_size(disk), rel=0.05)
    assert structure_size(np.full((32, 32), 9.0)) == 0
