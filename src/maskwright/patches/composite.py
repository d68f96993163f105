"""Composites for numbers of kept patches that differ by image: kept patches as they are, hidden ones as predicted."""

from __future__ import annotations

import torch
from torch import Tensor

from maskwright.patches.grid import Grid
from maskwright.patches.pixels import PatchStats, patch_stats, unpatchify
from maskwright.patches.prediction import Target


def to_pixels(values_BNP: Tensor, patches_BNP: Tensor, is_kept_BN: Tensor, grid: Grid, target: Target) -> Tensor:
    """Predictions of all patches, (B, N, P), as pixels in the model's numbers.

    A normalized target is undone with mean and deviation interpolated from kept patches alone, as `Prediction.to_picture` does.
    """
    if target == "raw":
        return values_BNP.float()
    return _guess_stats(patch_stats(patches_BNP), is_kept_BN, grid).restore(values_BNP.float())


def compose(pixels_BNP: Tensor, patches_BNP: Tensor, keep_BN: Tensor, grid: Grid) -> Tensor:
    """Images (B, C, H, W) of keep * true patch + (1 - keep) * prediction, keep in [0, 1]."""
    keep = keep_BN.float()[:, :, None]
    return unpatchify(keep * patches_BNP.float() + (1 - keep) * pixels_BNP, grid)


def _guess_stats(known: PatchStats, is_kept_BN: Tensor, grid: Grid) -> PatchStats:
    """Average over kept patches with Gaussian weights of one patch width."""
    ids = torch.arange(grid.num_patches, device=is_kept_BN.device)
    places = torch.stack([ids // grid.cols, ids % grid.cols], dim=1).float()
    closeness = -torch.cdist(places, places).square() / 2
    weights = torch.softmax(closeness.masked_fill(~is_kept_BN[:, None], -torch.inf), dim=-1)
    return PatchStats(weights @ known.mean, weights @ known.std)
