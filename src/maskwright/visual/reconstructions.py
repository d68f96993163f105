"""The sheet of what a masked autoencoder sees and predicts, image by image."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from torch import Tensor

from maskwright.patches.grid import Grid
from maskwright.patches.pixels import PixelScale, fill_patches, unpatchify
from maskwright.patches.prediction import Prediction, Stats
from maskwright.support.errors import MaskwrightError
from maskwright.visual.error_map import ERROR_NOTE, error_tile
from maskwright.visual.page import MUTED, WARNING, Page, write_rows
from maskwright.visual.tiles import to_tile

COLUMNS = ("Original", "Masked", "Prediction", "Composite")
DENORMALIZATION: dict[Stats, str] = {
    "raw": "stats=raw: predicted pixels shown as they are",
    "visible": (
        "stats=visible: normalized target shown with the statistics that fit visible neighbors best"
        " (no leak)"
    ),
    "target": (
        "stats=target, an oracle: normalized target shown with the true statistics of each hidden"
        " patch"
    ),
}


@dataclass(frozen=True)
class SheetRow:
    """One image of a sheet.

    original, reconstruction, composite: (C, H, W) pictures in [0, 1].
    is_masked, is_predicted: (1, H, W) booleans.
    target: what the model predicts.
    stats: how that was denormalized for these pictures.
    caption: a line below the image.
    """

    original: Tensor
    reconstruction: Tensor
    composite: Tensor
    is_masked: Tensor
    is_predicted: Tensor
    target: str
    stats: Stats
    caption: str = ""

    def with_caption(self, caption: str) -> SheetRow:
        """The same row with another caption."""
        return replace(self, caption=caption)

    def tiles(self) -> list[np.ndarray]:
        """The four tiles; what the model did not see or did not predict is hatched."""
        # In the composite, true pixels that are hidden and not predicted would pose as its work.
        return [
            to_tile(self.original),
            to_tile(self.original, self.is_masked),
            to_tile(self.reconstruction, ~self.is_predicted),
            to_tile(self.composite, self.is_masked & ~self.is_predicted),
        ]


@dataclass(frozen=True, kw_only=True)
class SheetFacts:
    """What has to be known to repeat the masks of a sheet.

    policy: the masking policy with its options.
    ratio: the share of patches it masks.
    seed: of its random numbers.
    title: stands over the sheet.
    """

    policy: str
    ratio: float
    seed: int
    title: str = ""


def sheet_rows(
    prediction: Prediction,
    scale: PixelScale,
    stats: Literal["visible", "target"] = "visible",
    captions: Sequence[str] = (),
) -> list[SheetRow]:
    """Turn a prediction into rows.

    stats: how a normalized target is undone (`Prediction.to_picture`); the rows remember it and the
        sheet says it.
    captions: one per image, or none at all.
    """
    count = len(prediction.patches)
    if captions and len(captions) != count:
        raise MaskwrightError(
            f"Each image needs one caption or none at all; got {len(captions)} captions for {count}"
            " images."
        )
    picture = prediction.to_picture(stats)
    truth = unpatchify(prediction.patches.float(), prediction.grid)
    # (B, C, H, W) in [0, 1], the model's scale of pixels undone.
    original = scale.to_display(truth)
    reconstruction = scale.to_display(picture.reconstruction)
    composite = scale.to_display(picture.composite)
    is_masked = _pixels_of(prediction.mask.masked_ids, prediction.grid)
    is_predicted = _pixels_of(prediction.mask.predicted_ids, prediction.grid)
    return [
        SheetRow(
            original=original[row],
            reconstruction=reconstruction[row],
            composite=composite[row],
            is_masked=is_masked[row],
            is_predicted=is_predicted[row],
            target=str(prediction.target),
            # A raw target has nothing to undo, whatever was chosen.
            stats=picture.stats,
            caption=caption,
        )
        for row, caption in enumerate(captions or [""] * count)
    ]


def reconstruction_sheet(
    rows: Sequence[SheetRow], facts: SheetFacts, *, errors: bool = False
) -> np.ndarray:
    """Draw the rows under column titles, and the facts at the foot; returns (H, W, 3) uint8.

    Images may differ in size. Images of more than three channels show the first three, and the
    sheet says so.

    errors: a fifth column shows how wrong each pixel of the composite is.
    """
    if not rows:
        raise MaskwrightError("A reconstruction sheet needs at least one image.")
    if len({(row.target, row.stats) for row in rows}) > 1:
        raise MaskwrightError(
            "The rows of a sheet must share one target and one denormalization; draw one sheet for"
            " each."
        )
    columns: tuple[str, ...] = COLUMNS
    tiles = [row.tiles() for row in rows]
    if errors:
        columns = (*COLUMNS, "Error")
        for row, row_tiles in zip(rows, tiles, strict=True):
            row_tiles.append(error_tile(row.composite, row.original))
    page = write_rows(facts.title, columns, tiles, [row.caption for row in rows])
    _write_footer(page, facts, rows[0])
    if errors:
        page.write(ERROR_NOTE)
    return page.finish()


def _write_footer(page: Page, facts: SheetFacts, row: SheetRow) -> None:
    channels = row.original.shape[0]
    page.rule()
    page.write(
        f"policy {facts.policy}   |   ratio {facts.ratio:.4g}   |   seed {facts.seed}   |   target"
        f" {row.target}"
    )
    # Statistics of hidden patches are a leak: a picture drawn with them flatters the model.
    page.write(DENORMALIZATION[row.stats], color=WARNING if row.stats == "target" else MUTED)
    # One channel is shown as gray and three as colors; of other numbers some are left out.
    if channels == 2 or channels > 3:
        shown = "the first three" if channels > 3 else "the first"
        page.write(f"{shown} of {channels} channels shown")


def _pixels_of(ids: Tensor, grid: Grid) -> Tensor:
    """Mark the pixels of some patches: (B, K) ids -> (B, 1, H, W) booleans."""
    flags = ids.new_zeros(len(ids), grid.num_patches)
    flags.scatter_(1, ids, 1)
    return fill_patches(flags.bool(), grid)
