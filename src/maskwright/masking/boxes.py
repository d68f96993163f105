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
        # how far each row and column lies behind the start; the remainder goes round at the border
        down = (rows - self.top[..., None]) % grid.rows  # (B, R, rows)
        right = (cols - self.left[..., None]) % grid.cols  # (B, R, cols)
        in_rows = down < self.height[..., None]
        in_cols = right < self.width[..., None]
        inside = in_rows[..., :, None] & in_cols[..., None, :]  # (B, R, rows, cols)
        return inside.flatten(-2)


def draw_log_uniform(chance: Tensor, low: float | Tensor, high: float | Tensor) -> Tensor:
    """Turn uniform numbers in [0, 1) into log-uniform ones in [low, high)."""
    # As tensors: Python's own floats would be divided at another precision.
    low, high = (
        side if isinstance(side, Tensor) else numbers_on(chance.device, side)
        for side in (low, high)
    )
    spread = high / low
    return low * spread**chance


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
    of_shape, of_top, of_left = chance.unbind(-1)  # (B, R) each

    low, high = _fitting_aspects(area, aspect, grid)
    shape = draw_log_uniform(of_shape, low, high)
    # whole numbers of patches, so that the area is met only about
    height = torch.sqrt(area * shape)
    height = height.round_().clamp_(1, rows)
    width = area / height
    width = width.round_().clamp_(1, cols)

    # as many starts as leave room, or all of them
    num_tops = rows if roll else rows - height + 1
    num_lefts = cols if roll else cols - width + 1
    return Boxes(
        top=torch.floor(of_top * num_tops),
        left=torch.floor(of_left * num_lefts),
        height=height,
        width=width,
    )


def _fitting_aspects(
    area: Tensor, aspect: tuple[float, float], grid: Grid
) -> tuple[Tensor, Tensor]:
    """(B, R) least and largest height / width of rectangles of an area that fit on the grid."""
    least, most = aspect
    of_grid = grid.rows / grid.cols
    # a rectangle as wide as the grid has the least height / width, one as high as it the largest
    low = area / grid.cols**2
    low = low.clamp(min=least).clamp(max=max(least, of_grid))
    high = grid.rows**2 / area
    high = high.clamp(max=most).clamp(min=min(most, of_grid))
    # where no shape of the range fits, the two have changed places
    return torch.minimum(low, high), torch.maximum(low, high)
