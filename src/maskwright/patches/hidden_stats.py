"""Mean and deviation of hidden patches, guessed from the patches that are kept."""

from __future__ import annotations

import torch
from torch import Tensor

from maskwright.patches.grid import Grid
from maskwright.patches.pixels import PatchStats


def interpolate_stats(
    known: PatchStats,
    ids_BV: Tensor,
    grid: Grid,
    keep_BV: Tensor | None = None,
) -> PatchStats:
    """Average known statistics for every patch, (B, N, 1), by a Gaussian of one patch width.

    known: (B, V, 1) statistics of the patches at `ids_BV`.
    ids_BV: (B or 1, V) ids of those patches.
    keep_BV: shares by which they count, 0 = hidden, at least one of an image above 0; all count
        fully when None.
    """
    ids = torch.arange(grid.num_patches, device=ids_BV.device)
    row_col = torch.stack([ids // grid.cols, ids % grid.cols], dim=1).float()  # (N, 2)

    # (B, N, V) squared distances from every patch to the known ones, in patches
    squared = torch.cdist(row_col.expand(len(ids_BV), -1, -1), row_col[ids_BV]).square()
    closeness = -squared / 2
    if keep_BV is None:
        # the softmax keeps the nearest known patch in charge, however far away it is
        weights = torch.softmax(closeness, dim=-1)
    else:
        keep = keep_BV[:, None]  # (B, 1, V)
        near = torch.softmax(closeness.masked_fill(keep == 0, -torch.inf), dim=-1) * keep
        weights = near / near.sum(-1, keepdim=True)
    return PatchStats(mean=weights @ known.mean, std=weights @ known.std)
