"""Where a token is: tables added to tokens, rotations of queries and keys (rotary), or nothing.

Every kind answers for tokens given by their patch ids, because visible tokens travel without their
neighbors.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor, nn

from maskwright.models.config import ROTARY
from maskwright.patches.grid import Grid
from maskwright.patches.positions import sincos_positions
from maskwright.support.errors import MaskwrightError

ROTARY_BASE = 100.0  # grids are short: texts, of thousands of tokens, take 10000


class Rotation(NamedTuple):
    """Cosines and sines (B or 1, 1, tokens, d) that turn queries and keys of head size d."""

    cosine: Tensor
    sine: Tensor


def build_table(
    kind: str,
    grid: Grid,
    width: int,
    num_prefix: int,
) -> nn.Parameter | None:
    """Build the (1, num_prefix + N, width) table that is added to tokens.

    It is fixed for `sincos`, trainable for `learned`, None for the other kinds. Prefix rows of the
    fixed table are zero; a learned table is drawn by the model's initialization.
    """
    if kind == "sincos":
        return nn.Parameter(sincos_positions(grid, width, num_prefix), requires_grad=False)
    if kind == "learned":
        return nn.Parameter(torch.zeros(1, num_prefix + grid.num_patches, width))
    return None


def place_rows(table_1ND: Tensor, ids_BK: Tensor | None, num_prefix: int) -> Tensor:
    """Rows of the table for the patches at ids, (B, K, D), or for all in order, (1, N, D)."""
    rows = table_1ND[0, num_prefix:]  # (N, D), without the prefix
    return rows[None] if ids_BK is None else nn.functional.embedding(ids_BK, rows)


class Rotary(nn.Module):
    """Two-dimensional axial rotary positions (Su et al. 2021; Heo et al. 2024).

    Attention depends on coordinate differences alone. Half of each head turns with the row, half
    with the column, at frequencies base**(-k / (d / 4)), base 100; prefix tokens do not turn. The
    angles are rebuilt from the grid, so a state dict does not hold them. Raises MaskwrightError
    unless d is a multiple of 4.

    by_image: measure coordinates in the picture instead of in patches, see `rotary_angles`.
    """

    cosine: Tensor
    sine: Tensor

    def __init__(self, grid: Grid, head_size: int, by_image: bool = False) -> None:
        super().__init__()
        if head_size % 4:
            raise MaskwrightError(
                f"Rotary positions need width / heads to be a multiple of 4; got {head_size}."
            )
        # both numbers of a pair (i, i + d/2) turn by the same angle
        angles = rotary_angles(grid, head_size, by_image)
        doubled = torch.cat([angles, angles], dim=1)
        self.register_buffer("cosine", doubled.cos().float(), persistent=False)
        self.register_buffer("sine", doubled.sin().float(), persistent=False)

    def forward(self, ids_BK: Tensor | None, num_prefix: int) -> Rotation:
        """The rotation of `num_prefix` tokens that do not turn, then of the patches at ids.

        ids_BK: all patches in order when None.
        """
        cosine = place_rows(self.cosine[None], ids_BK, 0)  # (B, K, d)
        sine = place_rows(self.sine[None], ids_BK, 0)
        # no turn is a cosine of 1 and a sine of 0
        still = cosine.new_ones(cosine.shape[0], num_prefix, cosine.shape[2])
        cosine = torch.cat([still, cosine], dim=1)
        sine = torch.cat([torch.zeros_like(still), sine], dim=1)
        return Rotation(cosine[:, None], sine[:, None])  # one for all heads


def rotary_angles(grid: Grid, head_size: int, by_image: bool = False) -> Tensor:
    """Angles (N, d / 2) in float64: a quarter of the head turns with the row, a quarter with the
    column.

    by_image: coordinates are those of the patches' centers, from -1 to 1 across the picture, times
        2 pi (DINOv3, Simeoni et al. 2025); otherwise rows and columns are counted in patches.
    """
    quarter = head_size // 4
    frequencies = ROTARY_BASE ** -(torch.arange(quarter, dtype=torch.float64) / quarter)
    ids = torch.arange(grid.num_patches)
    rows, cols = (ids // grid.cols).double(), (ids % grid.cols).double()
    if by_image:
        rows = 2 * math.pi * (2 * (rows + 0.5) / grid.rows - 1)
        cols = 2 * math.pi * (2 * (cols + 0.5) / grid.cols - 1)
    return torch.cat([rows[:, None] * frequencies, cols[:, None] * frequencies], dim=1)


def build_rotary(
    kind: str,
    grid: Grid,
    width: int,
    heads: int,
) -> Rotary | None:
    """The rotary module when `kind` asks for it, else None."""
    if kind not in ROTARY:
        return None
    return Rotary(grid, width // heads, by_image=kind == "rotary_image")


def rotate(tokens_BHNd: Tensor, rotation: Rotation) -> Tensor:
    """Turn pairs (i, i + d/2) of each head by the token's angles.

    It is computed in the rotation's float type and returned in the tokens' type.
    """
    first, second = tokens_BHNd.chunk(2, dim=-1)
    turned = torch.cat([-second, first], dim=-1)
    return (tokens_BHNd * rotation.cosine + turned * rotation.sine).to(tokens_BHNd.dtype)
