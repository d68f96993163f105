"""Positions agree with a plain loop and resize in two dimensions."""

from __future__ import annotations

import math

import pytest
import torch

from maskwright.patches.grid import Grid
from maskwright.patches.positions import resize_positions, sincos_positions
from maskwright.support.errors import MaskwrightError


def compute_one_position(row: int, col: int, width: int) -> list[float]:
    """Slow reference: [sin(x) | cos(x) | sin(y) | cos(y)] with x the column and y the row."""
    frequencies = [10000 ** (-4 * step / width) for step in range(width // 4)]
    return [
        wave(place * f)
        for place in (col, row)
        for wave in (math.sin, math.cos)
        for f in frequencies
    ]


@pytest.mark.parametrize("num_prefix", [0, 1, 5])
def test_positions_agree_with_a_plain_loop(num_prefix) -> None:
    table = sincos_positions(Grid(3, 5), 16, num_prefix)
    assert table.shape == (1, num_prefix + 15, 16)
    assert not bool(table[:, :num_prefix].any())
    for row in range(3):
        for col in range(5):
            assert table[0, num_prefix + row * 5 + col].tolist() == pytest.approx(
                compute_one_position(row, col, 16), abs=1e-6
            )


def test_every_position_is_different() -> None:
    assert len(sincos_positions(Grid(7, 9), 32)[0].unique(dim=0)) == 63


def test_a_width_that_is_no_multiple_of_four_is_refused() -> None:
    with pytest.raises(MaskwrightError, match="multiple of 4; got 18"):
        sincos_positions(Grid(2, 2), 18)


@pytest.mark.parametrize(("old", "new"), [(Grid(8, 8), Grid(16, 16)), (Grid(6, 10), Grid(12, 20))])
def test_resized_positions_are_those_of_the_new_grid(old, new) -> None:
    """A resize along the flattened table would be wrong everywhere but in the corners."""
    resized = resize_positions(sincos_positions(old, 16, 1), old, new, 1)[0, 1:]
    ids = torch.arange(new.num_patches)
    rows, cols = ((ids // new.cols) + 0.5) / 2 - 0.5, ((ids % new.cols) + 0.5) / 2 - 0.5
    wanted = torch.tensor(
        [
            compute_one_position(row, col, 16)
            for row, col in zip(rows.tolist(), cols.tolist(), strict=True)
        ]
    )
    inner = (rows > 1.5) & (rows < old.rows - 2.5) & (cols > 1.5) & (cols < old.cols - 2.5)
    assert float((resized - wanted)[inner].abs().max()) < 0.06


def test_resizing_to_the_same_grid_changes_nothing_and_keeps_prefix_rows() -> None:
    table = torch.randn(1, 2 + 12, 4, generator=torch.Generator().manual_seed(0))
    assert torch.equal(resize_positions(table, Grid(3, 4, 16), Grid(3, 4, 8), 2), table)
    assert torch.equal(resize_positions(table, Grid(3, 4), Grid(6, 8), 2)[:, :2], table[:, :2])
