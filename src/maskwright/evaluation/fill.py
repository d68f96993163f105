"""The hidden part of an image filled in smoothly from its visible pixels alone: what needs no
learning.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from maskwright.patches.grid import Grid
from maskwright.patches.mask import PatchMask
from maskwright.patches.pixels import unpatchify

_SWEEPS = 24
_SLOWEST = 0.99


def hidden_pixels(mask: PatchMask, grid: Grid) -> Tensor:
    """Mark the pixels of masked patches: (B, 1, H, W) booleans, True = hidden."""
    return unpatchify(mask.is_masked[:, :, None].expand(-1, -1, grid.patch_size**2), grid)


def fill_hidden(images: Tensor, mask: PatchMask, grid: Grid) -> Tensor:
    """Replace hidden pixels of (B, C, H, W) images by a smooth surface through the visible ones;
    visible pixels stay.

    The surface is a stretched membrane (Laplace's equation, no slope across the image border), the
    counterpart of linear interpolation for scattered points in two dimensions: a ramp between
    visible pixels comes back as it was. Hidden pixels are never read.
    """
    return fill_pixels(images, hidden_pixels(mask, grid))


def fill_pixels(images: Tensor, is_hidden: Tensor) -> Tensor:
    """Replace the pixels marked in (B, 1, H, W) booleans by the same smooth surface; each image
    needs a pixel that is not marked.
    """
    return _stretch(torch.where(~is_hidden, images.float(), 0.0), ~is_hidden)


def _stretch(values: Tensor, is_known: Tensor) -> Tensor:
    """Guess the unknown from the half-sized problem, then let every unknown pixel settle among its
    neighbors.
    """
    if values.shape[-2:] == (1, 1):
        return values
    share = F.avg_pool2d(is_known.float(), 2, ceil_mode=True)
    halved = F.avg_pool2d(values, 2, ceil_mode=True) / share.clamp_min(1e-6)
    guess = F.interpolate(
        _stretch(halved, share > 0), size=values.shape[-2:], mode="bilinear", align_corners=False
    )
    return _settle(torch.where(is_known, values, guess), values, is_known)


def _settle(filled: Tensor, values: Tensor, is_known: Tensor) -> Tensor:
    """Let every unknown pixel become the mean of its neighbors, in sweeps sped up by Chebyshev's
    semi-iteration (Golub and Varga 1961).
    """
    before, push = filled, 1.0
    for sweep in range(_SWEEPS):
        relaxed = torch.where(
            is_known, values, before + push * (_mean_of_neighbors(filled) - before)
        )
        before, filled = filled, relaxed
        push = 1 / (1 - _SLOWEST**2 * (push / 4 if sweep else 0.5))
    return filled


def _mean_of_neighbors(values: Tensor) -> Tensor:
    around = F.pad(values, (1, 1, 1, 1), mode="replicate")
    return (
        around[..., :-2, 1:-1]
        + around[..., 2:, 1:-1]
        + around[..., 1:-1, :-2]
        + around[..., 1:-1, 2:]
    ) / 4
