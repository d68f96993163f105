"""The mask gallery: what each policy hides of real pictures, how often, and its masks' shape."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import matplotlib
import numpy as np
import torch
from torch import Tensor

from maskwright.patches.grid import Grid
from maskwright.patches.mask import PatchMask
from maskwright.patches.pixels import fill_patches
from maskwright.support.errors import MaskwrightError
from maskwright.visual.page import COLUMN_SIZE as TITLE_SIZE
from maskwright.visual.page import GAP, INK, Page
from maskwright.visual.palette import GRID_LINE, MASKED_GRAY, SHARE_COLORS
from maskwright.visual.tiles import to_tile_size

LEAST_SEAM = 6
"""Patches of fewer pixels are not outlined: the lines would hide the gray."""
SHARE_SPREAD = 0.25
"""The heat map's colors reach this far to both sides of the ratio."""
FRAME = (208, 213, 218)
LEGEND = (
    f"how often each position is masked: white as often as the ratio says, blue"
    f" {100 * SHARE_SPREAD:.0f} points less or lower, red {100 * SHARE_SPREAD:.0f} more or higher"
)


@dataclass(frozen=True, eq=False)
class MaskColumn:
    """One column of a gallery: a policy, its masks for S pictures and what many draws say of it.

    title: the policy.
    masks: a PatchMask of S images or (S, N) booleans, True = masked.
    share_masked: (rows, cols) share of draws that mask each position.
    numbers: values to print below, by name.
    """

    title: str
    masks: PatchMask | Tensor
    share_masked: np.ndarray | None = None
    numbers: Mapping[str, float] = field(default_factory=dict)

    def is_masked(self) -> Tensor:
        """(S, N) booleans, whatever the masks were given as."""
        flags = self.masks.is_masked if isinstance(self.masks, PatchMask) else self.masks
        return flags.bool().cpu()


def mask_gallery(images: Tensor, columns: Sequence[MaskColumn], grid: Grid) -> np.ndarray:
    """Draw one row per picture and one column per MaskColumn; masked patches are gray.

    images: (S, C, H, W) uint8. The first column shows them whole.
    columns: what to draw. Below stand the heat maps and the numbers of those that bring them.

    Returns the sheet, (height, width, 3) uint8.
    """
    _check_fit(images, columns, grid)
    # (S, C, H, W) -> (S, 3, H, W): gray pictures three times, and three of many channels.
    pictures = images[:, :3]
    if images.shape[1] < 3:
        pictures = pictures.expand(-1, 3, -1, -1)
    flags = [column.is_masked() for column in columns]
    nothing = torch.zeros(grid.num_patches, dtype=torch.bool)

    tile_width = _picture_tile(pictures[0], nothing, grid).shape[1]
    titles = ["picture", *(column.title for column in columns)]
    page = Page(len(titles), tile_width)
    page.set_words(titles, TITLE_SIZE, INK)
    page.skip(4)
    for row, picture in enumerate(pictures):
        masks = [nothing, *(is_masked[row] for is_masked in flags)]
        page.set_tiles([_picture_tile(picture, is_masked, grid) for is_masked in masks])
        page.skip(GAP // 2)
    # The heat maps are a last row, with their legend under the whole pictures.
    heat_maps = [_share_tile(column, grid) for column in columns]
    if any(tile is not None for tile in heat_maps):
        page.set_tiles([_legend_tile(grid), *heat_maps])
    numbers = [_number_lines(column) for column in columns]
    if any(numbers):
        page.set_words([LEGEND, *numbers])
    return page.finish()


def gray_out(picture: Tensor, is_masked: Tensor, grid: Grid) -> np.ndarray:
    """Fill the masked patches of a picture with flat gray, thinly outlined.

    picture: (3, H, W) uint8.
    is_masked: (N,) booleans.

    Returns (H, W, 3) floats in [0, 1].
    """
    # (3, H, W) -> (H, W, 3)
    shown = picture.permute(1, 2, 0).numpy().astype(np.float32) / 255
    side = grid.patch_size
    is_gray = fill_patches(is_masked[None], grid)[0, 0].numpy()  # (N,) -> (H, W)
    shown[is_gray] = MASKED_GRAY
    # The upper and the left pixels of each masked patch.
    if side >= LEAST_SEAM:
        is_seam = np.zeros(grid.image_size, bool)
        is_seam[::side] = True
        is_seam[:, ::side] = True
        shown[is_seam & is_gray] = GRID_LINE
    return shown


def _picture_tile(picture: Tensor, is_masked: Tensor, grid: Grid) -> np.ndarray:
    """A picture with its masked patches grayed out, (h, w, 3) uint8 of a handy size."""
    levels = gray_out(picture, is_masked, grid) * 255
    return to_tile_size(levels.round().astype(np.uint8))


def _share_tile(column: MaskColumn, grid: Grid) -> np.ndarray | None:
    """How often each position is masked, in colors around the ratio, as large as a picture."""
    if column.share_masked is None:
        return None
    # The mean share is the ratio, which is white in the middle of the colors.
    below_ratio = column.share_masked.mean() - column.share_masked
    place = 0.5 - below_ratio / (2 * SHARE_SPREAD)
    colors = _share_colors(place)
    # (rows, cols, 3) -> (H, W, 3)
    side = grid.patch_size
    picture = colors.repeat(side, 0).repeat(side, 1)
    tile = to_tile_size(picture)
    # A thin frame, because a fair policy's tile is nearly as white as the page.
    tile[[0, -1]] = FRAME
    tile[:, [0, -1]] = FRAME
    return tile


def _legend_tile(grid: Grid) -> np.ndarray:
    """A white tile with a strip of the heat maps' colors along its foot."""
    white = np.full((*grid.image_size, 3), 255, np.uint8)
    tile = to_tile_size(white)
    height, width = tile.shape[:2]
    thickness = max(1, height // 8)
    tile[-thickness:] = _share_colors(np.linspace(0, 1, width))
    return tile


def _share_colors(place: np.ndarray) -> np.ndarray:
    """Places in [0, 1] of any shape as uint8 colors of one more axis, (..., 3)."""
    colors = matplotlib.colormaps[SHARE_COLORS](place.clip(0, 1))
    # The fourth channel is opacity.
    return (colors[..., :3] * 255).round().astype(np.uint8)


def _number_lines(column: MaskColumn) -> str:
    lines = [f"{name} {value:.2f}" for name, value in column.numbers.items()]
    return "\n".join(lines)


def _check_fit(images: Tensor, columns: Sequence[MaskColumn], grid: Grid) -> None:
    height, width = grid.image_size
    is_batch = images.ndim == 4 and len(images) > 0
    has_size = tuple(images.shape[2:]) == (height, width)
    if images.dtype != torch.uint8 or not is_batch or not has_size:
        raise MaskwrightError(
            f"A gallery on a {grid} needs (S, C, {height}, {width}) uint8 pictures; got"
            f" {tuple(images.shape)} {images.dtype}."
        )
    for column in columns:
        shape = tuple(column.is_masked().shape)
        if shape != (len(images), grid.num_patches):
            raise MaskwrightError(
                f"Gallery column '{column.title}' needs masks for {len(images)} pictures of"
                f" {grid.num_patches} patches; got {shape}."
            )
    if not columns:
        raise MaskwrightError("A gallery needs at least one column of masks.")
