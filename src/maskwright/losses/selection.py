"""Losses of a selector that says which patches to keep: how well the composite matches, how many are kept, how sure it is."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from maskwright.patches.grid import Grid
from maskwright.patches.pixels import unpatchify

_LEAST = 1e-6


def composite_image(keep: Tensor, images: Tensor, reconstruction: Tensor, grid: Grid) -> Tensor:
    """Mix true and reconstructed pixels, (B, C, H, W) each, by the keep probability of the patch they lie in, (B, N): 1 shows the truth."""
    shown = unpatchify(keep[:, :, None].expand(-1, -1, grid.patch_size**2), grid)
    return shown * images + (1 - shown) * reconstruction


def composite_mse(composite: Tensor, images: Tensor) -> Tensor:
    """Mean squared difference of two (B, C, H, W) pictures over all pixels: what a receiver of the kept patches would see wrong."""
    return F.mse_loss(composite, images)


def sparsity(keep: Tensor) -> Tensor:
    """Square of the mean keep probability (B, N): a batch that keeps a quarter of its patches costs 1/16."""
    return keep.mean().square()


def mask_entropy(keep: Tensor, eps: float = _LEAST) -> Tensor:
    """Mean binary entropy of keep probabilities (B, N) in nats: log 2 where undecided, 0 where sure; eps keeps log(0) finite."""
    return -(keep * torch.log(keep + eps) + (1 - keep) * torch.log(1 - keep + eps)).mean()
