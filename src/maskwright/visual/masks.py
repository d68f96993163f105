"""The mask gallery: what each policy hides of real pictures, how often, and its masks' shape."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import Tensor

from maskwright.patches.grid import Grid
from maskwright.patches.mask import PatchMask
from maskwright.support.errors import MaskwrightError
from maskwright.visual.palette import (
    GRID_LINE,
    INK,
    MASKED_GRAY,
    PAPER,
    QUIET,
    SHARE_COLORS,
    TEXT_SIZE,
    TITLE_SIZE,
)

COLUMN_INCHES = 1.75
# Letters that fit over a column at the title's size.
TITLE_LETTERS = 22
LEAST_SEAM = 6
"""Patches of fewer pixels are not outlined: the lines would hide the gray."""
SHARE_SPREAD = 0.25
"""The heat map's colors reach this far to both sides of the ratio."""


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


def _title(text: str) -> str:
    """A title over a column: broken at spaces, or before the options of a long policy."""
    parts = [text]
    if len(text) > TITLE_LETTERS and " " not in text:
        parts = text.replace("(", "\n(", 1).split("\n")
    return "\n".join(textwrap.fill(part, TITLE_LETTERS) for part in parts)


def mask_gallery(images: Tensor, columns: Sequence[MaskColumn], grid: Grid) -> Figure:
    """Draw one row per picture and one column per MaskColumn; masked patches are gray.

    images: (S, C, H, W) uint8. The first column shows them whole.
    columns: what to draw. Below stand the heat maps and the numbers of those that bring them.
    """
    _check_fit(images, columns, grid)
    has_maps = any(column.share_masked is not None for column in columns)
    titles = [_title(column.title) for column in columns]
    figure, axes = _empty_gallery(len(images), columns, titles, grid)
    # (S, C, H, W) -> (S, 3, H, W): gray pictures three times, and three of many channels.
    pictures = images[:, :3].expand(-1, 3, -1, -1) if images.shape[1] < 3 else images[:, :3]
    for row, picture in enumerate(pictures):
        _show_picture(axes[row, 0], picture, None, grid)
        for position, column in enumerate(columns, start=1):
            _show_picture(axes[row, position], picture, column.is_masked()[row], grid)
    axes[0, 0].set_title("picture", fontsize=TITLE_SIZE, color=QUIET)
    # The heat maps are a last row, with their legend under the whole pictures.
    if has_maps:
        _show_legend(axes[-1, 0])
    for position, column in enumerate(columns, start=1):
        axes[0, position].set_title(titles[position - 1], fontsize=TITLE_SIZE, color=INK)
        if has_maps:
            _show_share(axes[-1, position], column)
        _show_numbers(axes[-1, position], column)
    return figure


def _empty_gallery(
    num_pictures: int, columns: Sequence[MaskColumn], titles: Sequence[str], grid: Grid
) -> tuple[Figure, np.ndarray]:
    """A figure with (rows, columns) empty axes, and room for the titles and numbers around them."""
    has_maps = any(column.share_masked is not None for column in columns)
    num_rows, num_cols = num_pictures + has_maps, len(columns) + 1
    # Inches: rows as high as the pictures ask, then a line's height for each title and number.
    row_inches = COLUMN_INCHES * grid.image_size[0] / grid.image_size[1]
    most_numbers = max(len(column.numbers) for column in columns)
    below = 0.13 * (1 + most_numbers) if most_numbers else 0.05
    above = 0.18 + 0.16 * max(title.count("\n") + 1 for title in titles)
    width = COLUMN_INCHES * num_cols + 0.2
    height = row_inches * num_rows * 1.03 + above + 0.04 + below + 0.2 * has_maps
    figure = Figure(figsize=(width, height), facecolor=PAPER)
    axes = figure.subplots(num_rows, num_cols, squeeze=False)
    figure.subplots_adjust(
        left=0.1 / width,
        bottom=(below + 0.1) / height,
        right=1 - 0.1 / width,
        top=1 - above / height,
        wspace=0.05,
        hspace=0.05,
    )
    return figure, axes


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


def _show_picture(axes: Axes, picture: Tensor, is_masked: Tensor | None, grid: Grid) -> None:
    _remove_ticks(axes)
    if is_masked is None:
        is_masked = torch.zeros(grid.num_patches, dtype=torch.bool)
    axes.imshow(gray_out(picture, is_masked, grid), interpolation="nearest")


def _show_share(axes: Axes, column: MaskColumn) -> None:
    _remove_ticks(axes)
    if column.share_masked is None:
        axes.set_axis_off()
        return
    # The mean share is the ratio, which is white in the middle of the colors.
    middle = float(column.share_masked.mean())
    axes.imshow(
        column.share_masked,
        cmap=SHARE_COLORS,
        vmin=middle - SHARE_SPREAD,
        vmax=middle + SHARE_SPREAD,
        interpolation="nearest",
    )


def _show_legend(axes: Axes) -> None:
    """A strip of the heat maps' colors and their meaning, in the corner below the pictures."""
    axes.set_axis_off()
    axes.text(
        0.5,
        0.80,
        "how often each\nposition is masked",
        ha="center",
        va="center",
        fontsize=TEXT_SIZE,
        color=INK,
        transform=axes.transAxes,
    )
    strip = axes.inset_axes((0.1, 0.45, 0.8, 0.12))
    strip.imshow(
        np.linspace(0, 1, 64)[None],
        cmap=SHARE_COLORS,
        aspect="auto",
        extent=(-SHARE_SPREAD, SHARE_SPREAD, 0, 1),
    )
    # The middle of the colors is named and not numbered: it is each policy's own ratio.
    ends = [f"-{SHARE_SPREAD:.0%}", "ratio", f"+{SHARE_SPREAD:.0%}"]
    strip.set_yticks([])
    strip.set_xticks([-SHARE_SPREAD, 0, SHARE_SPREAD], ends)
    strip.tick_params(labelsize=TEXT_SIZE - 1, length=2, colors=QUIET)


def _show_numbers(axes: Axes, column: MaskColumn) -> None:
    lines = "\n".join(f"{name} {value:.2f}" for name, value in column.numbers.items())
    axes.text(
        0.5,
        -0.06,
        lines,
        ha="center",
        va="top",
        fontsize=TEXT_SIZE,
        color=QUIET,
        transform=axes.transAxes,
        linespacing=1.15,
    )


def _remove_ticks(axes: Axes) -> None:
    """Leave a thin frame alone."""
    axes.set_xticks([])
    axes.set_yticks([])
    for spine in axes.spines.values():
        spine.set_color("#d0d5da")
        spine.set_linewidth(0.6)


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
