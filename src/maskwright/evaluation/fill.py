"""The hidden part of an image filled in smoothly from its visible pixels alone."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from maskwright.patches.grid import Grid
from maskwright.patches.mask import PatchMask
from maskwright.patches.pixels import unpatchify

# Enough at each size, because the half-sized problem gives a guess that is nearly right.
_SWEEPS = 24
# Spectral radius of plain averaging that Chebyshev's steps are tuned to.
_SLOWEST = 0.99


def hidden_pixels(mask: PatchMask, grid: Grid) -> Tensor:
    """Mark the pixels of masked patches: (B, 1, H, W) booleans, True = hidden."""
    return unpatchify(mask.is_masked[:, :, None].expand(-1, -1, grid.patch_size**2), grid)


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
    return _stretch(torch.where(~is_hidden, images.float(), 0.0), ~is_hidden)


def _stretch(values: Tensor, is_known: Tensor) -> Tensor:
    """Guess the unknown from the half-sized problem, then relax it (a multigrid cycle)."""
    if values.shape[-2:] == (1, 1):
        return values
    # Unknown pixels are 0, so dividing by the known share gives the mean of the known ones.
    share = F.avg_pool2d(is_known.float(), 2, ceil_mode=True)
    halved = F.avg_pool2d(values, 2, ceil_mode=True) / share.clamp_min(1e-6)
    coarse = _stretch(halved, share > 0)
    guess = F.interpolate(coarse, size=values.shape[-2:], mode="bilinear", align_corners=False)
    return _relax(torch.where(is_known, values, guess), values, is_known)


def _relax(filled: Tensor, values: Tensor, is_known: Tensor) -> Tensor:
    """Let every unknown pixel become the mean of its neighbors.

    Sweeps are sped up by Chebyshev's semi-iteration (Golub and Varga 1961).
    """
    before, push = filled, 1.0
    for sweep in range(_SWEEPS):
        moved = before + push * (_mean_of_neighbors(filled) - before)
        before, filled = filled, torch.where(is_known, values, moved)
        # The weights of the semi-iteration; the first step has a formula of its own.
        push = 1 / (1 - _SLOWEST**2 * (push / 4 if sweep else 0.5))
    return filled


def _mean_of_neighbors(values: Tensor) -> Tensor:
    # Repeated borders give no slope across the edge of the image.
    around = F.pad(values, (1, 1, 1, 1), mode="replicate")
    above, below = around[..., :-2, 1:-1], around[..., 2:, 1:-1]
    left, right = around[..., 1:-1, :-2], around[..., 1:-1, 2:]
    return (above + below + left + right) / 4
