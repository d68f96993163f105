"""How far visible patches are from what is hidden."""

from __future__ import annotations

import torch
from torch import Tensor

from maskwright.patches.grid import Grid
from maskwright.patches.mask import PatchMask


def distance_to_masked(mask: PatchMask, grid: Grid) -> Tensor:
    """(B, V) Euclidean distances in patches from each visible patch to the nearest masked one."""
    visible = _places(mask.visible_ids, grid)
    masked = _places(mask.masked_ids, grid)
    # (B, V, M) -> (B, V)
    return torch.cdist(visible, masked).amin(2)


def _places(ids_BK: Tensor, grid: Grid) -> Tensor:
    """(B, K, 2) rows and columns, as floats."""
    rows = torch.div(ids_BK, grid.cols, rounding_mode="floor")
    return torch.stack([rows, ids_BK % grid.cols], dim=2).float()
