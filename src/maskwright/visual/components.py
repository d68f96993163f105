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
from maskwright.visual.page import write_rows
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
    # Whole pictures have the scale's mean in them; parts are differences, which lack it.
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
    page = write_rows(facts.title, COLUMNS, tiles, [row.caption for row in rows])
    page.rule()
    page.write(
        f"policy {facts.policy}   |   {facts.ratio:.4g} of the variance hidden   |   seed"
        f" {facts.seed}"
    )
    page.write(PART_NOTE)
    return page.finish()


def _around_gray(part: Tensor, scale: PixelScale) -> Tensor:
    """A difference of pictures as a picture in [0, 1], nothing being gray."""
    # The scale is linear, so what is left of it without its mean is the size of a difference.
    nothing = torch.zeros_like(part)
    difference = scale.to_unit(part) - scale.to_unit(nothing)
    return (0.5 + difference).clamp(0, 1).cpu()
