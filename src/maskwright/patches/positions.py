"""Sine-cosine positions in the official MAE layout, and position tables resized to another grid."""

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
    # a quarter of the width each for sine and cosine of column and row
    steps = torch.arange(width // 4, dtype=torch.float64) / (width / 4)
    frequencies = 1.0 / 10000**steps
    ids = torch.arange(grid.num_patches)
    parts = []
    for coordinate in (ids % grid.cols, ids // grid.cols):
        angles = coordinate.double()[:, None] * frequencies  # (N, width / 4)
        parts += [angles.sin(), angles.cos()]
    table = torch.cat(parts, dim=1).float()  # (N, width)
    return torch.cat([torch.zeros(num_prefix, width), table])[None]


def resize_positions(
    table: Tensor,
    old: Grid,
    new: Grid,
    num_prefix: int,
) -> Tensor:
    """Resample a (1, num_prefix + N, D) table from one grid to another; prefix rows stay.

    The patch rows are resampled in two dimensions, bicubic.
    """
    if (old.rows, old.cols) == (new.rows, new.cols):
        return table
    # the table as an image of D channels, (1, D, rows, cols)
    prefix = table[:, :num_prefix]
    image = table[:, num_prefix:].reshape(1, old.rows, old.cols, -1).permute(0, 3, 1, 2).float()
    resized = F.interpolate(
        image,
        size=(new.rows, new.cols),
        mode="bicubic",
        antialias=True,
        align_corners=False,
    )
    # and back to one row per patch, (1, N, D)
    rows = resized.permute(0, 2, 3, 1).reshape(1, new.num_patches, -1)
    return torch.cat([prefix, rows.to(table.dtype)], dim=1)
