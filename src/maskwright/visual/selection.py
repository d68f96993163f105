"""The sheet of a learned selection: picture, chance of each patch, what is kept, composite."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from torch import Tensor

from maskwright.patches.grid import Grid
from maskwright.patches.pixels import fill_patches
from maskwright.support.errors import MaskwrightError
from maskwright.visual.page import COLUMN_SIZE, INK, TITLE_SIZE, Page, text_width
from maskwright.visual.tiles import to_tile

COLUMNS = ("Original", "Wanted", "Kept", "Composite")


@dataclass(frozen=True)
class SelectionRow:
    """One picture of a sheet.

    original, composite: (C, H, W) in [0, 1].
    chance: (N,) of keeping each patch.
    is_kept: (N,) booleans.
    caption: a line below the picture.
    """

    original: Tensor
    composite: Tensor
    chance: Tensor
    is_kept: Tensor
    caption: str

    def tiles(self, grid: Grid) -> list[np.ndarray]:
        """Four tiles: hidden patches are hatched, and patches likely to be kept are bright."""
        hidden = _to_picture(~self.is_kept, grid)
        return [
            to_tile(self.original),
            to_tile(_to_picture(self.chance.float(), grid)),
            to_tile(self.original, hidden),
            to_tile(self.composite),
        ]


def selection_sheet(
    groups: Sequence[tuple[str, Sequence[SelectionRow]]],
    grid: Grid,
    title: str,
    notes: Sequence[str],
) -> np.ndarray:
    """Draw groups of rows, each under its heading; returns (H, W, 3) uint8.

    groups: headings with their rows.
    notes: sentences at the foot.
    """
    rows = [row for _, members in groups for row in members]
    if not rows:
        raise MaskwrightError("A sheet of selections needs at least one picture.")
    # All pictures have the size of the grid, so the first stands for all.
    tile_width = rows[0].tiles(grid)[0].shape[1]
    title_widths = [text_width(name, COLUMN_SIZE, bold=True) for name in COLUMNS]
    page = Page(len(COLUMNS), max(tile_width, *title_widths))
    page.write(title, TITLE_SIZE, INK, bold=True)
    for heading, members in groups:
        page.skip()
        page.write(heading, COLUMN_SIZE, INK, bold=True)
        page.set_titles(COLUMNS)
        for row in members:
            page.set_tiles(row.tiles(grid))
            page.write(row.caption)
            page.skip(4)
    page.rule()
    for note in notes:
        page.write(note)
    return page.finish()


def patch_picture(values_N: Tensor, grid: Grid) -> np.ndarray:
    """(H, W) uint8 gray picture of a value in [0, 1] per patch, black 0 to white 1."""
    shares = _to_picture(values_N.float(), grid)
    levels = (shares[0] * 255).round()
    return levels.byte().cpu().numpy()


def _to_picture(values_N: Tensor, grid: Grid) -> Tensor:
    """(1, H, W) picture in which every patch is filled with its value."""
    return fill_patches(values_N[None], grid)[0]
