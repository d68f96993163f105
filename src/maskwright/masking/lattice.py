"""A grid divided into square cells: which cell each patch lies in, and where in its cell."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from maskwright.patches.grid import Grid
from maskwright.support.seeding import KeyedRng


@dataclass(frozen=True)
class Cells:
    """cell_ids and phase_ids, both (B or 1, N): the cell of each patch, and its place in that cell
    counted row by row from 0.
    """

    cell_ids: Tensor
    phase_ids: Tensor
    num_cells: int


def divide(grid: Grid, size: int, rng: KeyedRng, shift: bool = False) -> Cells:
    """Divide a grid into size x size cells.

    A side that `size` does not divide is closed to a ring and the cells start at a random place on
    it, so that a cell may go on at the opposite border; every side is, when `shift` is set. Small
    cells fixed at one border would be masked less often than the others (by 1.5 points at 14x14,
    size 4, ratio 0.75); on a ring all positions are alike.
    """
    rows = _places(grid.rows, size, rng.fork("rows"), shift)
    cols = _places(grid.cols, size, rng.fork("cols"), shift)
    across = -(-grid.cols // size)
    cell_ids = rows[:, :, None] // size * across + cols[:, None, :] // size
    phase_ids = rows[:, :, None] % size * size + cols[:, None, :] % size
    return Cells(cell_ids.flatten(1), phase_ids.flatten(1), across * -(-grid.rows // size))


def _places(side: int, size: int, rng: KeyedRng, shift: bool) -> Tensor:
    """(B or 1, side) coordinates along one side, moved round the ring where needed."""
    places = torch.arange(side, device=rng.device)[None]
    return (places + rng.integers(0, side, 1)) % side if shift or side % size else places
