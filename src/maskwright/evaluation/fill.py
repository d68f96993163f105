"""The hidden part of an image filled in smoothly from its visible pixels alone."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from maskwright.patches.grid import Grid
from maskwright.patches.mask import PatchMask
from maskwright.patches.pixels import fill_patches

# Enough at each size, because the half-sized problem gives a guess that is nearly right.
_SWEEPS = 24
# Spectral radius of plain averaging that Chebyshev's steps are tuned to.
_SLOWEST = 0.99


def hidden_pixels(mask: PatchMask, grid: Grid) -> Tensor:
    """Mark the pixels of masked patches: (B, 1, H, W) booleans, True = hidden."""
    return fill_patches(mask.is_masked, grid)


def fill_hidden(images: Tensor, mask: PatchMask, grid: Grid) -> Tensor:
    """Replace hidden pixels of (B, C, H, W) images by a smooth surface through the visible ones.

    The surface is a stretched membrane (Laplace's equation, no slope across the image border), the
    counterpart of linear interpolation for scattered points in two dimensions: a ramp between
    visible pixels comes back as it was. Hidden pixels are never read.
    """
    return fill_pixels(images, hidden_pixels(mask, grid))


def fill_pixels(images: Tensor, is_hidden: Tensor) -> Tensor:
    """Replace the pixels marked in (B, 1, H, W) booleans by the same smooth surface.

    Each image needs a pixel that is not marked.
    """
    # Hidden pixels are set to 0 first, so that no path can read them.
    is_known = ~is_hidden
    blanked = torch.where(is_known, images.float(), 0.0)
    return _stretch(blanked, is_known)


def _stretch(values: Tensor, is_known: Tensor) -> Tensor:
    """Guess the unknown from the half-sized problem, then relax it (a multigrid cycle)."""
    if values.shape[-2:] == (1, 1):
        return values
    # Unknown pixels are 0, so dividing by the known share gives the mean of the known ones.
    share = F.avg_pool2d(is_known.float(), 2, ceil_mode=True)
    means = F.avg_pool2d(values, 2, ceil_mode=True)
    halved = means / share.clamp_min(1e-6)
    coarse = _stretch(halved, share > 0)
    guess = F.interpolate(coarse, size=values.shape[-2:], mode="bilinear", align_corners=False)
    filled = torch.where(is_known, values, guess)
    return _relax(filled, values, is_known)


def _relax(filled: Tensor, values: Tensor, is_known: Tensor) -> Tensor:
    """Let every unknown pixel become the mean of its neighbors.

    Sweeps are sped up by Chebyshev's semi-iteration (Golub and Varga 1961).
    """
    before = filled
    weight = 1.0
    for sweep in range(_SWEEPS):
        change = _mean_of_neighbors(filled) - before
        moved = before + weight * change
        before = filled
        filled = torch.where(is_known, values, moved)
        # The weights of the semi-iteration; the first step has a formula of its own.
        share = weight / 4 if sweep else 0.5
        weight = 1 / (1 - _SLOWEST**2 * share)
    return filled


def _mean_of_neighbors(values: Tensor) -> Tensor:
    # Repeated borders give no slope across the edge of the image.
    around = F.pad(values, (1, 1, 1, 1), mode="replicate")
    above = around[..., :-2, 1:-1]
    below = around[..., 2:, 1:-1]
    left = around[..., 1:-1, :-2]
    right = around[..., 1:-1, 2:]
    return (above + below + left + right) / 4
