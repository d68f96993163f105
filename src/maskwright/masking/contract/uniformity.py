"""The promise that every position is masked equally often, tested by counting."""

from __future__ import annotations

import math
from statistics import NormalDist

import torch
from torch import Tensor

from maskwright.masking.contract.cases import CHUNK, Case
from maskwright.patches.grid import Grid

# Chance that a sound policy fails the count of one grid, all positions of that grid together.
FALSE_ALARM = 1e-3


def check_uniform(case: Case, draws: int) -> None:
    """Every position, row, column and the border is masked as often as the ratio says.

    The bound is shared out over all of them (Bonferroni).
    """
    regions = _regions(case.grid)  # (N, R)
    counts = []
    for start in range(0, draws, CHUNK):
        end = min(start + CHUNK, draws)
        ids = torch.arange(start, end)
        flags = case.flags(ids).double()  # (chunk, N), 1 = masked
        counts.append(flags @ regions)
    masked_in_region = torch.cat(counts)  # (draws, R)

    # how far the mean count of each region is off, beyond what chance explains
    mean = masked_in_region.mean(0)  # (R,)
    sizes = regions.sum(0)
    ratio = case.num_masked / case.grid.num_patches
    expected = sizes * ratio
    error = masked_in_region.std(0) / math.sqrt(draws)
    # both sides of the normal distribution, in each of R regions
    tail = FALSE_ALARM / (2 * regions.shape[1])
    bound = NormalDist().inv_cdf(1 - tail)
    excess = (mean - expected).abs() - bound * error - 1e-9

    worst = int(excess.argmax())
    share = float(mean[worst] / sizes[worst])
    assert excess[worst] <= 0, (
        f"{case}: {_region_name(case.grid, worst)} is masked in {share:.3f} of {draws} draws and"
        f" should be in {ratio:.3f}; declare traits uniform=False if that is meant."
    )


def _regions(grid: Grid) -> Tensor:
    """(N, N + rows + cols + 1) indicators of each position, row, column and the border."""
    ids = torch.arange(grid.num_patches)
    row = ids // grid.cols
    col = ids % grid.cols
    in_row = row[:, None] == torch.arange(grid.rows)  # (N, rows)
    in_col = col[:, None] == torch.arange(grid.cols)  # (N, cols)
    ends_column = (row == 0) | (row == grid.rows - 1)
    ends_row = (col == 0) | (col == grid.cols - 1)
    on_border = ends_column | ends_row
    itself = torch.eye(grid.num_patches)
    regions = torch.cat([itself, in_row, in_col, on_border[:, None]], dim=1)
    return regions.double()


def _region_name(grid: Grid, index: int) -> str:
    """What the column of that index in `_regions` stands for."""
    if index < grid.num_patches:
        return f"the patch in row {index // grid.cols}, column {index % grid.cols}"
    index -= grid.num_patches
    if index < grid.rows:
        return f"row {index}"
    if index < grid.rows + grid.cols:
        return f"column {index - grid.rows}"
    return "the border"
