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
    pictures = images[:, :3].expand(-1, 3, -1, -1) if images.shape[1] < 3 else images[:, :3]
    flags = [column.is_masked() for column in columns]
    nothing = torch.zeros(grid.num_patches, dtype=torch.bool)

    page = Page(len(columns) + 1, _picture_tile(pictures[0], nothing, grid).shape[1])
    page.set_words(["picture", *(column.title for column in columns)], TITLE_SIZE, INK)
    page.skip(4)
    for row, picture in enumerate(pictures):
        masks = [nothing, *(is_masked[row] for is_masked in flags)]
        page.set_tiles([_picture_tile(picture, is_masked, grid) for is_masked in masks])
        page.skip(GAP // 2)
    # The heat maps are a last row, with their legend under the whole pictures.
    if any(column.share_masked is not None for column in columns):
        page.set_tiles([_legend_tile(grid), *(_share_tile(column, grid) for column in columns)])
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
    # (N,) -> (rows, cols) -> (H, W)
    flags = is_masked.reshape(grid.rows, grid.cols).numpy().repeat(side, 0).repeat(side, 1)
    shown[flags] = MASKED_GRAY
    # The upper and the left pixels of each masked patch.
    if side >= LEAST_SEAM:
        seam = np.zeros(grid.image_size, bool)
        seam[::side] = seam[:, ::side] = True
        shown[seam & flags] = GRID_LINE
    return shown


def _picture_tile(picture: Tensor, is_masked: Tensor, grid: Grid) -> np.ndarray:
    """A picture with its masked patches grayed out, (h, w, 3) uint8 of a handy size."""
    levels = (gray_out(picture, is_masked, grid) * 255).round().astype(np.uint8)
    return to_tile_size(levels)


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
    tile = to_tile_size(colors.repeat(side, 0).repeat(side, 1))
    # A thin frame, because a fair policy's tile is nearly as white as the page.
    tile[[0, -1]] = tile[:, [0, -1]] = FRAME
    return tile


def _legend_tile(grid: Grid) -> np.ndarray:
    """A white tile with a strip of the heat maps' colors along its foot."""
    tile = to_tile_size(np.full((*grid.image_size, 3), 255, np.uint8))
    height, width = tile.shape[:2]
    strip = _share_colors(np.linspace(0, 1, width))
    tile[-max(1, height // 8) :] = strip
    return tile


def _share_colors(place: np.ndarray) -> np.ndarray:
    """Places in [0, 1] of any shape as uint8 colors of one more axis, (..., 3)."""
    colors = matplotlib.colormaps[SHARE_COLORS](place.clip(0, 1))
    # The fourth channel is opacity.
    return (colors[..., :3] * 255).round().astype(np.uint8)


def _number_lines(column: MaskColumn) -> str:
    return "\n".join(f"{name} {value:.2f}" for name, value in column.numbers.items())


def _check_fit(images: Tensor, columns: Sequence[MaskColumn], grid: Grid) -> None:
    is_batch = images.dtype == torch.uint8 and images.ndim == 4 and len(images) > 0
    if not is_batch or tuple(images.shape[2:]) != grid.image_size:
        raise MaskwrightError(
            f"A gallery on a {grid} needs (S, C, {grid.image_size[0]}, {grid.image_size[1]}) uint8"
            f" pictures; got {tuple(images.shape)} {images.dtype}."
        )
    for column in columns:
        if tuple(column.is_masked().shape) != (len(images), grid.num_patches):
            raise MaskwrightError(
                f"Gallery column '{column.title}' needs masks for {len(images)} pictures of"
                f" {grid.num_patches} patches; got {tuple(column.is_masked().shape)}."
            )
    if not columns:
        raise MaskwrightError("A gallery needs at least one column of masks.")
