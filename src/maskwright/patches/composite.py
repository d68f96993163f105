"""Composites for numbers of kept patches that differ by image: kept patches as they are, hidden
ones as predicted.
"""

from __future__ import annotations

import torch
from torch import Tensor

from maskwright.patches.grid import Grid
from maskwright.patches.pixels import PatchStats, patch_stats, unpatchify
from maskwright.patches.prediction import Target


def to_pixels(
    values_BNP: Tensor, patches_BNP: Tensor, keep_BN: Tensor, grid: Grid, target: Target
) -> Tensor:
    """Predictions of all patches, (B, N, P), as pixels in the model's numbers.

    A normalized target is undone with mean and deviation interpolated from kept patches alone, as
    `Prediction.to_picture` does.

    keep: booleans, or shares by which patches count, 0 = hidden; at least one of an image is kept.
    """
    if target == "raw":
        return values_BNP.float()
    return _guess_stats(patch_stats(patches_BNP), keep_BN.float(), grid).restore(values_BNP.float())


def compose(pixels_BNP: Tensor, patches_BNP: Tensor, keep_BN: Tensor, grid: Grid) -> Tensor:
    """Images (B, C, H, W) of keep * true patch + (1 - keep) * prediction, keep in [0, 1]."""
    keep = keep_BN.float()[:, :, None]
    return unpatchify(keep * patches_BNP.float() + (1 - keep) * pixels_BNP, grid)


def _guess_stats(known: PatchStats, keep_BN: Tensor, grid: Grid) -> PatchStats:
    """Average over kept patches with Gaussian weights of one patch width."""
    ids = torch.arange(grid.num_patches, device=keep_BN.device)
    places = torch.stack([ids // grid.cols, ids % grid.cols], dim=1).float()
    closeness = -torch.cdist(places, places).square() / 2
    near = (
        torch.softmax(closeness.masked_fill(keep_BN[:, None] == 0, -torch.inf), dim=-1)
        * keep_BN[:, None]
    )
    weights = near / near.sum(-1, keepdim=True)
    return PatchStats(weights @ known.mean, weights @ known.std)
