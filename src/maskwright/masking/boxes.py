"""Rectangles on a grid, drawn and laid for a whole batch at once."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from maskwright.patches.grid import Grid
from maskwright.support.on_device import numbers_on


@dataclass(frozen=True)
class Boxes:
    """R rectangles for each of B images; past the border they go on at the opposite one.

    top, left: (B, R) first row and column, whole numbers in float.
    height, width: (B, R) likewise.
    """

    top: Tensor
    left: Tensor
    height: Tensor
    width: Tensor

    def cover(self, grid: Grid) -> Tensor:
        """(B, R, N) booleans: which patches lie inside each rectangle."""
        rows = torch.arange(grid.rows, device=self.top.device)
        cols = torch.arange(grid.cols, device=self.top.device)
        # the remainder goes round at the border
        inside_rows = (rows - self.top[..., None]) % grid.rows < self.height[..., None]
        inside_cols = (cols - self.left[..., None]) % grid.cols < self.width[..., None]
        inside = inside_rows[..., :, None] & inside_cols[..., None, :]  # (B, R, rows, cols)
        return inside.flatten(-2)


def draw_log_uniform(chance: Tensor, low: float | Tensor, high: float | Tensor) -> Tensor:
    """Turn uniform numbers in [0, 1) into log-uniform ones in [low, high)."""
    # as tensors: Python's own floats would be divided at another precision
    low, high = (
        side if isinstance(side, Tensor) else numbers_on(chance.device, side)
        for side in (low, high)
    )
    return low * (high / low) ** chance


def draw_boxes(
    area: Tensor,
    aspect: tuple[float, float],
    chance: Tensor,
    grid: Grid,
    roll: bool,
) -> Boxes:
    """Draw rectangles of about the given area at uniform positions.

    area: (B, R) patches.
    chance: (B, R, 3) uniform in [0, 1).
    aspect: height / width, log-uniform in the part of this range that fits on the grid.
    roll: any position is a start, past the border too.
    """
    rows = grid.rows
    cols = grid.cols
    # an area as wide as the grid gives the least height / width, one as high as it the largest
    low = (area / cols**2).clamp(min=aspect[0]).clamp(max=max(aspect[0], rows / cols))
    high = (rows**2 / area).clamp(max=aspect[1]).clamp(min=min(aspect[1], rows / cols))
    shape = draw_log_uniform(chance[..., 0], torch.minimum(low, high), torch.maximum(low, high))
    # whole numbers of patches, so that the area is met only about
    height = torch.sqrt(area * shape).round_().clamp_(1, rows)
    width = (area / height).round_().clamp_(1, cols)
    # as many starts as leave room, or all of them
    num_tops = rows if roll else rows - height + 1
    num_lefts = cols if roll else cols - width + 1
    top = torch.floor(chance[..., 1] * num_tops)
    left = torch.floor(chance[..., 2] * num_lefts)
    return Boxes(top, left, height, width)
