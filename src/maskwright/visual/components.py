"""The sheet of pictures whose components are hidden: what is seen, predicted and true of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from maskwright.components.parts import HiddenParts
from maskwright.patches.pixels import PixelScale
from maskwright.support.errors import MaskwrightError
from maskwright.visual.page import COLUMN_SIZE, INK, TITLE_SIZE, Page, text_width
from maskwright.visual.reconstructions import SheetFacts
from maskwright.visual.tiles import to_tile

COLUMNS = ("Original", "Visible", "Hidden part", "Predicted part", "Composite")
PART_NOTE = "Parts are shown around gray. The composite is what is visible with the predicted part."


@dataclass(frozen=True)
class ComponentRow:
    """One picture of a sheet: (C, H, W) pictures in [0, 1], and a line below them."""

    original: Tensor
    seen: Tensor
    true: Tensor
    predicted: Tensor
    composite: Tensor
    caption: str = ""

    def tiles(self) -> list[np.ndarray]:
        """The tiles in the order of the columns."""
        shown = (self.original, self.seen, self.true, self.predicted, self.composite)
        return [to_tile(picture) for picture in shown]


def component_rows(
    parts: HiddenParts, scale: PixelScale, captions: Sequence[str] = ()
) -> list[ComponentRow]:
    """Turn hidden parts into rows.

    captions: one per picture, or none at all.
    """
    pictures = (parts.original, parts.seen, parts.composite)
    original, seen, composite = (scale.to_display(each).cpu() for each in pictures)
    true, predicted = (_around_gray(each, scale) for each in (parts.true, parts.predicted))
    return [
        ComponentRow(
            original=original[row],
            seen=seen[row],
            true=true[row],
            predicted=predicted[row],
            composite=composite[row],
            caption=captions[row] if captions else "",
        )
        for row in range(len(original))
    ]


def component_sheet(rows: Sequence[ComponentRow], facts: SheetFacts) -> np.ndarray:
    """Draw the rows under column titles, and the facts at the foot; returns (H, W, 3) uint8."""
    if not rows:
        raise MaskwrightError("A sheet of hidden components needs at least one picture.")
    tiles = [row.tiles() for row in rows]
    widest_title = max(text_width(title, COLUMN_SIZE, bold=True) for title in COLUMNS)
    page = Page(len(COLUMNS), max(widest_title, *(row[0].shape[1] for row in tiles)))
    if facts.title:
        page.write(facts.title, TITLE_SIZE, INK, bold=True)
        page.skip()
    page.set_titles(COLUMNS)
    for row, row_tiles in zip(rows, tiles, strict=True):
        page.set_tiles(row_tiles)
        if row.caption:
            page.write(row.caption)
        page.skip()
    page.rule()
    page.write(
        f"policy {facts.policy}   |   {facts.ratio:.4g} of the variance hidden   |   seed"
        f" {facts.seed}"
    )
    page.write(PART_NOTE)
    return page.finish()


def _around_gray(part: Tensor, scale: PixelScale) -> Tensor:
    """A difference of pictures as a picture in [0, 1], nothing being gray."""
    nothing = torch.zeros_like(part)
    difference = scale.to_unit(part) - scale.to_unit(nothing)
    return (0.5 + difference).clamp(0, 1).cpu()
