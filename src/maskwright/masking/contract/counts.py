"""Promises about one mask: finite scores, exact counts, nesting, and cells masked whole."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product

import torch
import torch.nn.functional as F
from torch import Tensor

from maskwright.masking.contract.cases import Case


def check_scores(case: Case) -> None:
    """Scores are (B, N) floating-point numbers, none of them NaN or +inf."""
    scene = case.scene(torch.arange(16))
    score = case.policy.score(scene)
    shape = (16, case.grid.num_patches)
    assert tuple(score.shape) == shape, (
        f"{case}: scores must have shape {shape}; got {tuple(score.shape)}."
    )
    assert score.is_floating_point(), (
        f"{case}: scores must be floating-point numbers; got {score.dtype}."
    )
    assert score.amax() < torch.inf, f"{case}: a score is NaN or +inf."


def check_counts(case: Case) -> None:
    """As many patches are masked as were asked for, and each patch is visible or masked once."""
    mask = case.mask(torch.arange(16))
    assert mask.num_masked == case.num_masked, f"{case}: {mask.num_masked} patches were masked."
    together = torch.cat([mask.visible_ids, mask.masked_ids], dim=1)  # (B, N)
    in_order = together.sort(1).values
    every_id = torch.arange(case.grid.num_patches).expand_as(in_order)
    assert torch.equal(in_order, every_id), (
        f"{case}: visible and masked patches are not each patch once."
    )


def check_nesting(cases: Sequence[Case]) -> None:
    """With the same chance, masking more patches frees none; the cases are in rising counts."""
    ids = torch.arange(64)
    flags = [case.flags(ids) for case in cases]  # (B, N) each, True = masked
    for case, fewer, more in zip(cases, flags, flags[1:], strict=False):
        is_freed = fewer & ~more
        freed = int(is_freed.sum())
        assert not freed, (
            f"{case}: masking more patches made {freed} masked ones visible; declare traits"
            " nested=False if that is meant."
        )


def check_cells(case: Case, size: int) -> None:
    """For some start of the lattice, each image masks square cells whole, but for one.

    Sides that the cells do not divide are rings, on which a cell may go on at the opposite border.
    """
    grid = case.grid
    flags = case.flags(torch.arange(64))  # (B, N)
    # 1 = masked
    planes = flags.reshape(-1, grid.rows, grid.cols).double()
    # the best start of each image counts: where the fewest cells are masked in part
    fewest = torch.full((64,), grid.num_patches)
    first_rows = _lattice_starts(grid.rows, size)
    first_cols = _lattice_starts(grid.cols, size)
    for row, col in product(first_rows, first_cols):
        moved = planes.roll((row, col), (1, 2))
        # of the part of a cell that lies on the grid
        share = F.avg_pool2d(moved, size, ceil_mode=True)
        fewest = torch.minimum(fewest, _count_partial(share))
    worst = int(fewest.max())
    assert worst <= 1, (
        f"{case}: {worst} cells of {size}x{size} patches are masked in part; at most one may be."
    )


def _lattice_starts(side: int, size: int) -> range:
    """Where the first cell may start along a side."""
    # on a ring, any coordinate is a start of its own
    num_starts = size if side % size == 0 else side
    return range(num_starts)


def _count_partial(share: Tensor) -> Tensor:
    """(B,) cells that are masked neither whole nor not at all."""
    is_partial = (share > 1e-9) & (share < 1 - 1e-9)
    return is_partial.sum((1, 2))
