"""Two-dimensional sine-cosine positions in the official MAE layout, and resizing of position tables
to another grid.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from maskwright.patches.grid import Grid
from maskwright.support.errors import MaskwrightError


def sincos_positions(grid: Grid, width: int, num_prefix: int = 0) -> Tensor:
    """Build the fixed (1, num_prefix + N, width) table; prefix rows are zero.

    A row is [sin(x) | cos(x) | sin(y) | cos(y)], x the column and y the row, base 10000, computed
    in float64 like the official code, whose meshgrid puts the column first. Raises MaskwrightError
    unless `width` is a multiple of 4.
    """
    if width % 4:
        raise MaskwrightError(
            f"Sine-cosine positions need a width that is a multiple of 4; got {width}."
        )
    frequencies = 1.0 / 10000 ** (torch.arange(width // 4, dtype=torch.float64) / (width / 4))
    ids = torch.arange(grid.num_patches)
    parts = []
    for place in (ids % grid.cols, ids // grid.cols):
        angles = place.double()[:, None] * frequencies
        parts += [angles.sin(), angles.cos()]
    table = torch.cat(parts, dim=1).float()
    return torch.cat([torch.zeros(num_prefix, width), table])[None]


def resize_positions(table: Tensor, old: Grid, new: Grid, num_prefix: int) -> Tensor:
    """Resample a (1, num_prefix + N, D) table from one grid to another in two dimensions (bicubic);
    prefix rows stay.
    """
    if (old.rows, old.cols) == (new.rows, new.cols):
        return table
    prefix, places = table[:, :num_prefix], table[:, num_prefix:]
    image = places.reshape(1, old.rows, old.cols, -1).permute(0, 3, 1, 2).float()
    resized = F.interpolate(
        image, size=(new.rows, new.cols), mode="bicubic", antialias=True, align_corners=False
    )
    return torch.cat(
        [prefix, resized.permute(0, 2, 3, 1).reshape(1, new.num_patches, -1).to(table.dtype)], dim=1
    )
