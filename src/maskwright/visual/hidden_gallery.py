"""The gallery of hidden components: pictures, and what is seen of them under each policy."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from torch import Tensor

from maskwright.components.basis import Basis
from maskwright.components.mask import ComponentMask
from maskwright.patches.pixels import PixelScale
from maskwright.visual.page import COLUMN_SIZE, GAP, INK, Page
from maskwright.visual.tiles import to_tile


@dataclass(frozen=True, eq=False)
class GalleryColumn:
    """One column of a gallery.

    title: the policy, or the draw.
    seen: (S, C, H, W) pictures in [0, 1] without their hidden parts.
    captions: a line below each.
    """

    title: str
    seen: Tensor
    captions: Sequence[str] = ()


def seen_column(
    title: str, basis: Basis, images: Tensor, mask: ComponentMask, scale: PixelScale
) -> GalleryColumn:
    """What is seen of pictures (S, C, H, W) in the model's numbers, and how much is hidden."""
    hidden = basis.part(images - basis.mean, mask.is_hidden)
    of_parts = mask.is_hidden.shape[1]
    captions = []
    for share, count in zip(mask.hidden_shares.tolist(), mask.is_hidden.sum(1), strict=True):
        captions.append(f"{share:.0%} of the variance in {int(count)} of {of_parts} parts")
    return GalleryColumn(title, scale.to_display(images - hidden).cpu(), captions)


def hidden_gallery(images: Tensor, columns: Sequence[GalleryColumn]) -> np.ndarray:
    """Draw one row per picture, (S, C, H, W) uint8, and one column for what is seen of them.

    Returns the sheet, (height, width, 3) uint8.
    """
    pictures = images.float() / 255
    page = Page(len(columns) + 1, to_tile(pictures[0]).shape[1])
    page.set_words(["picture", *(column.title for column in columns)], COLUMN_SIZE, INK)
    page.skip(4)
    for row, picture in enumerate(pictures):
        page.set_tiles([to_tile(picture), *(to_tile(column.seen[row]) for column in columns)])
        captions = [column.captions[row] if column.captions else "" for column in columns]
        if any(captions):
            page.set_words(["", *captions])
        page.skip(GAP // 2)
    return page.finish()
