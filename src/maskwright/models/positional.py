"""Where a token is: tables added to tokens, rotations of queries and keys (rotary), a learned bias
for every distance (relative), or nothing.

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


class PairBias(NamedTuple):
    """What is added to the logits of attention: (B or 1, heads, queries, keys)."""

    values: Tensor


Relation = Rotation | PairBias
"""What attention among tokens of one kind knows of their places."""
CrossRelation = tuple[Rotation, Rotation] | PairBias
"""The same from queries to a memory; two rotations, of the queries and of the memory."""


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

    def cross(
        self, ids_BK: Tensor, memory_ids_BV: Tensor | None, num_prefix: int
    ) -> tuple[Rotation, Rotation]:
        """The rotations of queries at ids and of a memory of prefix tokens and patches."""
        return self(ids_BK, 0), self(memory_ids_BV, num_prefix)


def rotary_angles(grid: Grid, head_size: int, by_image: bool = False) -> Tensor:
    """Angles (N, d / 2) in float64: a quarter of the head turns with the row, a quarter with the
    column.

    by_image: coordinates are those of the patches' centers, from -1 to 1 across the picture, times
        2 pi (DINOv3, Simeoni et al. 2025); otherwise rows and columns are counted in patches.
    """
    quarter = head_size // 4
    frequencies = ROTARY_BASE ** -(torch.arange(quarter, dtype=torch.float64) / quarter)
    ids = torch.arange(grid.num_patches)
    rows = (ids // grid.cols).double()
    cols = (ids % grid.cols).double()
    if by_image:
        # centers of the patches, from -1 at one border of the picture to 1 at the other
        down = 2 * (rows + 0.5) / grid.rows - 1
        across = 2 * (cols + 0.5) / grid.cols - 1
        rows = 2 * math.pi * down
        cols = 2 * math.pi * across
    by_row = rows[:, None] * frequencies  # (N, d / 4)
    by_col = cols[:, None] * frequencies
    return torch.cat([by_row, by_col], dim=1)


class RelativeBias(nn.Module):
    """A learned bias per head for every distance between two patches (Liu et al. 2021).

    One table serves all blocks, as in BEiT (Bao et al. 2022). A distance is a number of rows and
    columns; prefix tokens have no place, so their bias is 0.
    """

    def __init__(self, grid: Grid, heads: int) -> None:
        super().__init__()
        self.grid = grid
        # all distances in rows and columns, from -(side - 1) to side - 1
        row_distances = 2 * grid.rows - 1
        col_distances = 2 * grid.cols - 1
        # drawn by the model's initialization
        self.bias_table = nn.Parameter(torch.zeros(row_distances, col_distances, heads))

    def forward(self, ids_BK: Tensor | None, num_prefix: int) -> PairBias:
        """The bias among `num_prefix` tokens without a place and the patches at ids.

        ids_BK: all patches in order when None.
        """
        bias = self._between(ids_BK, ids_BK)  # (B, heads, K, K)
        return PairBias(nn.functional.pad(bias, (num_prefix, 0, num_prefix, 0)))

    def cross(self, ids_BK: Tensor, memory_ids_BV: Tensor | None, num_prefix: int) -> PairBias:
        """The bias from queries at ids to a memory of prefix tokens and patches."""
        bias = self._between(ids_BK, memory_ids_BV)  # (B, heads, K, V)
        return PairBias(nn.functional.pad(bias, (num_prefix, 0)))

    def _between(self, ids_BK: Tensor | None, others_BV: Tensor | None) -> Tensor:
        """(B or 1, heads, K, V) biases for the distances of patches from others."""
        every = torch.arange(self.grid.num_patches, device=self.bias_table.device)[None]
        ids = every if ids_BK is None else ids_BK
        others = every if others_BV is None else others_BV
        cols = self.grid.cols
        row, other_row = ids // cols, others // cols
        col, other_col = ids % cols, others % cols
        # (B, K, V) distances, counted from 0
        rows_apart = row[:, :, None] - other_row[:, None] + self.grid.rows - 1
        cols_apart = col[:, :, None] - other_col[:, None] + cols - 1
        index = rows_apart * (2 * cols - 1) + cols_apart
        values = nn.functional.embedding(index, self.bias_table.flatten(0, 1))  # (B, K, V, heads)
        return values.permute(0, 3, 1, 2)


def build_relation(
    kind: str,
    grid: Grid,
    width: int,
    heads: int,
) -> Rotary | RelativeBias | None:
    """The module that attention asks for places, where `kind` has one."""
    if kind in ROTARY:
        return Rotary(grid, width // heads, by_image=kind == "rotary_image")
    return RelativeBias(grid, heads) if kind == "relative" else None


def rotate(tokens_BHNd: Tensor, rotation: Rotation) -> Tensor:
    """Turn pairs (i, i + d/2) of each head by the token's angles.

    It is computed in the rotation's float type and returned in the tokens' type.
    """
    first, second = tokens_BHNd.chunk(2, dim=-1)
    turned = torch.cat([-second, first], dim=-1)
    return (tokens_BHNd * rotation.cosine + turned * rotation.sine).to(tokens_BHNd.dtype)
