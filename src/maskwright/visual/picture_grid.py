"""Pictures side by side: lines of tiles under column titles, with a caption below each."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import chain

import numpy as np

from maskwright.support.errors import MaskwrightError
from maskwright.visual.page import COLUMN_SIZE, GAP, INK, MUTED, TITLE_SIZE, WARNING, Page

# Pixels: a line of tiles fits on a screen without scrolling.
WIDEST = 1500


@dataclass(frozen=True)
class GridLine:
    """One line of the grid.

    tiles: (h, w, 3) uint8 or nothing, one per column.
    captions: one per column, or none at all.
    titles: one per column, to stand above the line.
    last: whether the line ends a group, so that white follows.
    """

    tiles: Sequence[np.ndarray | None]
    captions: Sequence[str]
    titles: Sequence[str] = ()
    last: bool = True

    def filled_up(self, columns: int) -> GridLine:
        """The same line with empty places at its end, so that it has that many columns."""
        missing = columns - len(self.tiles)
        return replace(
            self,
            tiles=[*self.tiles, *[None] * missing],
            captions=[*self.captions, *[""] * missing],
        )


@dataclass(frozen=True)
class Note:
    """A sentence at the foot of a grid.

    is_warning: whether readers must know it before they trust the pictures.
    """

    text: str
    is_warning: bool = False


def picture_grid(
    lines: Sequence[GridLine], notes: Sequence[Note] = (), title: str = ""
) -> np.ndarray:
    """Draw the lines below each other and the notes at the foot; returns (H, W, 3) uint8."""
    if not lines:
        raise MaskwrightError("A grid of pictures needs at least one line.")
    # All columns are as wide as the widest tile, so that lines of different groups align.
    tiles = chain.from_iterable(line.tiles for line in lines)
    widest = max(tile.shape[1] for tile in tiles if tile is not None)
    columns = max(len(line.tiles) for line in lines)
    page = Page(columns, widest)
    if title:
        page.write(title, TITLE_SIZE, INK, bold=True)
        page.skip()
    for line in lines:
        if line.titles:
            page.set_words(line.titles, COLUMN_SIZE - 1, INK, bold=True)
            page.skip(4)
        page.set_tiles(line.tiles)
        if any(line.captions):
            page.set_words(line.captions)
        page.skip(GAP if line.last else 2)
    page.rule()
    for note in notes:
        page.write(note.text, color=WARNING if note.is_warning else MUTED)
    return page.finish()


def columns_that_fit(tile_width: int, count: int) -> int:
    """How many of `count` tiles stand beside a first one, so that lines are equally long."""
    most = max(1, (WIDEST - GAP) // (tile_width + GAP) - 1)
    num_lines = math.ceil(count / most)
    return math.ceil(count / num_lines)
