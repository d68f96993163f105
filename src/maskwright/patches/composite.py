"""Composites where the number of kept patches differs by image: kept as they are, hidden predicted.

`Prediction.to_picture` is for masks of one count; selectors keep as many patches as they like.
"""

from __future__ import annotations

import torch
from torch import Tensor

from maskwright.patches.grid import Grid
from maskwright.patches.hidden_stats import interpolate_stats
from maskwright.patches.pixels import patch_stats, unpatchify
from maskwright.patches.target import Target, pixel_target


def to_pixels(
    values_BNT: Tensor,
    patches_BNP: Tensor,
    keep_BN: Tensor,
    grid: Grid,
    target: Target,
) -> Tensor:
    """Turn predictions of all patches, (B, N, T), into pixels (B, N, P) in the model's numbers.

    A normalized target is undone with mean and deviation interpolated from kept patches alone: a
    scorer learns through these pictures, at every step, so nothing is solved for here as
    `Prediction.to_picture` does.

    keep_BN: booleans, or shares by which patches count, 0 = hidden; at least one of an image is
        kept.

    Raises MaskwrightError for a target that leads back to no picture.
    """
    back = pixel_target(target)
    values = values_BNT.float()
    if not target.traits.needs_stats:
        return back.to_pixels(values, None)
    ids = torch.arange(grid.num_patches, device=keep_BN.device)[None]  # (1, N): all patches
    stats = interpolate_stats(patch_stats(patches_BNP), ids, grid, keep_BN.float())
    return back.to_pixels(values, stats)


def compose(
    pixels_BNP: Tensor,
    patches_BNP: Tensor,
    keep_BN: Tensor,
    grid: Grid,
) -> Tensor:
    """Images (B, C, H, W) of keep * true patch + (1 - keep) * prediction, keep in [0, 1]."""
    keep = keep_BN.float()[:, :, None]  # (B, N, 1)
    mixed = keep * patches_BNP.float() + (1 - keep) * pixels_BNP
    return unpatchify(mixed, grid)
