"""The HOG target: histograms of oriented gradients (Dalal and Triggs 2005), as in MaskFeat.

MaskFeat (Wei et al. 2022) predicts 9 orientations of cells of 8 pixels, each color channel by
itself, each histogram of length 1.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar, Literal

import torch
import torch.nn.functional as F
from torch import Tensor

from maskwright.patches.grid import Grid
from maskwright.patches.mask import take
from maskwright.patches.pixels import patchify
from maskwright.patches.target import PatchShape, TargetTraits
from maskwright.support.checks import check_count, check_number, check_one_of
from maskwright.support.errors import MaskwrightError
from maskwright.targets.catalog import target_line

OWNER = "Target 'hog'"
# Rows of pixels whose votes are counted at once: temporary tensors then stay in the cache.
_CHUNK = 1 << 16


@dataclass(frozen=True, kw_only=True)
class HogTarget:
    """Predict how much gradient there is in each direction, in each cell of a patch.

    A histogram keeps how edges run and forgets color and exact place, so there is no way back to a
    picture.

    Formula: t = h / sqrt(|h|^2 + floor^2), h the votes for each direction
    Source: Wei et al. 2022 (MaskFeat); Dalal and Triggs 2005.

    bins: orientations from 0 to 180 degrees; a pixel votes for its two nearest by its gradient's
        length.
    cells: cells along a patch's side, by default 2, or 1 where the side is odd or below 4 pixels.
    channels: `each` gives every channel histograms of its own (MaskFeat); `strongest` takes at
        each pixel the channel with the longest gradient (Dalal and Triggs).
    floor: a histogram h becomes h / sqrt(|h|^2 + floor^2), so that flat cells stay near 0. It is a
        mean gradient per pixel in the model's numbers, whose deviation is about 1.
    """

    traits: ClassVar[TargetTraits] = TargetTraits()
    bins: int = 9
    cells: int | None = None
    channels: Literal["each", "strongest"] = "each"
    floor: float = 0.01

    def __post_init__(self) -> None:
        check_count("bins", self.bins, 2, owner=OWNER)
        if self.cells is not None:
            check_count("cells", self.cells, 1, owner=OWNER)
        check_one_of("channels", self.channels, ("each", "strongest"), owner=OWNER)
        check_number("floor", self.floor, 1e-6, owner=OWNER)

    def num_values(self, shape: PatchShape) -> int:
        channels = 1 if self.channels == "strongest" else shape.channels
        return self._cells_of(shape.size) ** 2 * channels * self.bins

    def of_pictures(self, images_BCHW: Tensor, grid: Grid, ids_BK: Tensor) -> Tensor:
        cells = self._cells_of(grid.patch_size)
        across, down = gradients(images_BCHW)
        # cut before the costly part, so that patches which are not predicted cost little
        across_BKP = take(patchify(across, grid.patch_size), ids_BK)
        down_BKP = take(patchify(down, grid.patch_size), ids_BK)
        if self.channels == "strongest":
            across_BKP, down_BKP = _strongest(across_BKP, down_BKP, images_BCHW.shape[1])

        x = _by_cell(across_BKP, grid.patch_size, cells)  # (B, K, cells * cells * C, pixels)
        y = _by_cell(down_BKP, grid.patch_size, cells)
        counts = orientation_counts(x, y, self.bins)  # (B, K, cells * cells * C, bins)
        length = (counts.square().sum(-1, keepdim=True) + self.floor**2).sqrt()
        return (counts / length).flatten(2)

    def _cells_of(self, patch_size: int) -> int:
        """Cells along the side of a patch; raises MaskwrightError where they do not divide it."""
        if self.cells is None:
            return 2 if patch_size >= 4 and patch_size % 2 == 0 else 1
        if patch_size % self.cells:
            raise MaskwrightError(
                f"{OWNER} cuts the side of a patch into equal cells, and {patch_size} pixels do not"
                f" divide by {self.cells}; use another cells or --patch-size."
            )
        return self.cells

    def __str__(self) -> str:
        return target_line("hog", self)


def gradients(images_BCHW: Tensor) -> tuple[Tensor, Tensor]:
    """Differences between right and left, and between lower and upper neighbors, (B, C, H, W) each.

    Border pixels are repeated outwards.
    """
    around = F.pad(images_BCHW, (1, 1, 1, 1), mode="replicate")
    across = around[..., 1:-1, 2:] - around[..., 1:-1, :-2]
    down = around[..., 2:, 1:-1] - around[..., :-2, 1:-1]
    return across, down


def orientation_counts(across: Tensor, down: Tensor, bins: int) -> Tensor:
    """The mean vote of cells, (..., pixels) gradients to (..., bins).

    Each pixel shares the length of its gradient between the two nearest of `bins` directions, that
    are pi / bins apart and begin at 0.
    """
    shape = across.shape[:-1]
    pixels = across.shape[-1]
    rows = max(1, _CHUNK // pixels)
    across_parts = across.reshape(-1, pixels).split(rows)  # (rows, pixels) each
    down_parts = down.reshape(-1, pixels).split(rows)
    parts = zip(across_parts, down_parts, strict=True)
    counted = torch.cat([_count(x, y, bins) for x, y in parts])
    return counted.view(*shape, bins) / pixels


def _count(x: Tensor, y: Tensor, bins: int) -> Tensor:
    """Votes of (R, pixels) gradients, summed over pixels: (R, bins)."""
    length = (x * x + y * y).sqrt_()
    # direction in units of a bin, in [0, bins): opposite gradients are one orientation
    angle = torch.atan2(y, x).mul_(bins / math.pi).remainder_(bins)
    # What lies at or beyond direction k, by a ramp of one bin; two ramps differ by the votes for
    # the direction between them. This takes a few passes over the pixels and no scattered writes.
    beyond = length.sum(1)
    votes = []
    for direction in range(bins):
        next_beyond = (angle - direction).clamp_(0, 1).mul_(length).sum(1)
        votes.append(beyond - next_beyond)
        beyond = next_beyond
    # what lies beyond the last direction is near the first again
    votes[0] = votes[0] + beyond
    return torch.stack(votes, dim=1)


def _strongest(across_BKP: Tensor, down_BKP: Tensor, channels: int) -> tuple[Tensor, Tensor]:
    """Both gradients of the channel that changes most at each pixel, (B, K, P / C) each."""
    # the channel is the last of a patch's three dimensions
    across = across_BKP.unflatten(2, (-1, channels))  # (B, K, P / C, C)
    down = down_BKP.unflatten(2, (-1, channels))
    length = across.square() + down.square()
    # Of channels that change equally the first one counts.
    best = length[..., 0]
    x = across[..., 0]
    y = down[..., 0]
    for channel in range(1, channels):
        is_longer = length[..., channel] > best
        best = torch.where(is_longer, length[..., channel], best)
        x = torch.where(is_longer, across[..., channel], x)
        y = torch.where(is_longer, down[..., channel], y)
    return x, y


def _by_cell(patches_BKP: Tensor, size: int, cells: int) -> Tensor:
    """(B, K, P) patches to (B, K, cells * cells * C, pixels of a cell)."""
    batch, count, _ = patches_BKP.shape
    side = size // cells
    # (row of cells, row, column of cells, column, channel)
    cut = patches_BKP.view(batch, count, cells, side, cells, side, -1)
    ordered = cut.permute(0, 1, 2, 4, 6, 3, 5)
    return ordered.reshape(batch, count, -1, side * side)
