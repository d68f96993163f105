"""Aligned blocks are true two-dimensional cells, agree with a plain loop, and refuse sizes that
leave no whole cell.
"""

from __future__ import annotations

import pytest
import torch

from maskwright.masking.block import BlockPolicy
from maskwright.masking.policy import check_fits
from maskwright.patches.grid import Grid
from maskwright.support.errors import MaskwrightError


def mask_cells_one_by_one(grid: Grid, size: int, order: list[int], num_masked: int) -> set[int]:
    """Slow reference: mask whole cells in the given order; returns the ids masked before the first
    cell that does not fit whole.
    """
    across = -(-grid.cols // size)
    masked: set[int] = set()
    for cell in order:
        top, left = cell // across * size, cell % across * size
        inside = {
            r * grid.cols + c for r in range(top, top + size) for c in range(left, left + size)
        }
        if len(masked) + len(inside) > num_masked:
            break
        masked |= inside
    return masked


def test_masked_patches_are_the_cells_of_the_slow_reference(draw) -> None:
    grid, size, num_masked = Grid(6, 8), 2, 30  # 7 whole cells and 2 patches
    for mask in draw(BlockPolicy(size=size), grid, num_masked, draws=50).flatten(1):
        masked = set(mask.nonzero().flatten().tolist())
        cells = [
            [i for i in masked if (i // 8 // 2, i % 8 // 2) == (cell // 4, cell % 4)]
            for cell in range(12)
        ]
        whole = [cell for cell in range(12) if len(cells[cell]) == 4]
        assert mask_cells_one_by_one(grid, size, whole, num_masked) < masked
        assert sorted(map(len, cells)) == [0] * 4 + [2] + [4] * 7


@pytest.mark.parametrize("size", [2, 7])
def test_a_block_spans_rows_and_columns_on_a_14_wide_grid(draw, size) -> None:
    """Runs of consecutive ids would be 1 x size**2 strips that wrap round rows."""
    masks = draw(BlockPolicy(size=size), Grid(14, 14), 98 if size == 7 else 148)
    cells = masks.reshape(-1, 14 // size, size, 14 // size, size).float().mean((2, 4))
    assert set(cells.unique().tolist()) == {0.0, 1.0}


def test_the_ratio_is_met_exactly_where_whole_cells_would_miss_it(draw) -> None:
    """49 cells at 0.75 floored give 144 of 196 patches, 73.5 percent."""
    assert draw(BlockPolicy(size=2), Grid(14, 14), 147).sum((1, 2)).unique().tolist() == [147]


def test_a_shift_starts_the_lattice_anywhere(draw) -> None:
    still, shifted = (
        draw(BlockPolicy(size=4, shift=shift), Grid(8, 8), 48, draws=2000)
        for shift in (False, True)
    )
    assert len(still.flatten(1).unique(dim=0)) == 4
    assert len(shifted.flatten(1).unique(dim=0)) == 64


@pytest.mark.parametrize(
    ("grid", "num_masked", "size", "largest"),
    [(Grid(7, 7), 37, 4, 3), (Grid(8, 8), 48, 9, 4), (Grid(1, 12), 9, 5, 3)],
)
def test_a_size_without_a_whole_cell_is_refused_with_the_largest_that_fits(
    grid, num_masked, size, largest
) -> None:
    with pytest.raises(
        MaskwrightError,
        match=(
            rf"'block\(size={size}\)' on a {grid.rows}x{grid.cols} grid.*largest size is"
            rf" {largest}\."
        ),
    ):
        check_fits(BlockPolicy(size=size), grid, num_masked)
    check_fits(BlockPolicy(size=largest), grid, num_masked)


def test_blocks_of_one_patch_are_random_patches(draw) -> None:
    masks = draw(BlockPolicy(size=1), Grid(2, 2), 2, draws=600).flatten(1)
    counts = (masks.long() @ torch.tensor([1, 2, 4, 8])).bincount(minlength=16)
    assert int((counts > 0).sum()) == 6
    assert int(counts[counts > 0].min()) > 60
