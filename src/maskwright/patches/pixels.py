"""Pixels in and out of patches, statistics of patches, and the scale of the model's numbers."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from maskwright.patches.grid import Grid
from maskwright.support.errors import MaskwrightError
from maskwright.support.on_device import numbers_on


def patchify(images_BCHW: Tensor, patch_size: int) -> Tensor:
    """Cut (B, C, H, W) images into (B, N, P) patches.

    >>> patchify(torch.zeros(2, 3, 32, 32), 8).shape
    torch.Size([2, 16, 192])

    P = patch_size**2 * C, ordered (row, column, channel) as in the official MAE. Raises
    MaskwrightError when the image does not divide.
    """
    batch, channels, height, width = images_BCHW.shape
    grid = Grid.of_image(height, width, patch_size)
    # moving the channels first and the rows afterwards takes half the time of one copy on CPU
    pixels_BHWC = images_BCHW.permute(0, 2, 3, 1).contiguous()
    cut = pixels_BHWC.view(batch, grid.rows, patch_size, grid.cols, patch_size, channels)
    # (B, rows, p, cols, p, C) -> (B, rows, cols, p, p, C) -> (B, N, P)
    values = patch_size * patch_size * channels
    return cut.transpose(2, 3).reshape(batch, grid.num_patches, values)


def unpatchify(patches_BNP: Tensor, grid: Grid) -> Tensor:
    """Put (B, N, P) patches back into (B, C, H, W) images; the inverse of `patchify`."""
    batch, count, values = patches_BNP.shape
    side = grid.patch_size
    if count != grid.num_patches or values % (side * side):
        raise MaskwrightError(f"{count} patches of {values} values do not fill a {grid}.")
    channels = values // (side * side)
    cut = patches_BNP.reshape(batch, grid.rows, grid.cols, side, side, channels)
    # (B, rows, cols, p, p, C) -> (B, C, rows, p, cols, p) -> (B, C, H, W)
    return cut.permute(0, 5, 1, 3, 2, 4).reshape(batch, channels, *grid.image_size)


def fill_patches(values_BN: Tensor, grid: Grid) -> Tensor:
    """Pictures (B, 1, H, W) in which every patch is filled with its value."""
    values_BNP = values_BN[:, :, None].expand(-1, -1, grid.patch_size**2)
    return unpatchify(values_BNP, grid)


def widen(values: Tensor) -> Tensor:
    """Values in float32, where losses and statistics are computed; float64 stays as it is.

    Gradients can then be checked in float64.
    """
    return values.to(torch.promote_types(values.dtype, torch.float32))


@dataclass(frozen=True)
class PatchStats:
    """Mean and standard deviation of each patch, both (B, N, 1)."""

    mean: Tensor
    std: Tensor

    def normalize(self, patches: Tensor) -> Tensor:
        return (patches - self.mean) / self.std

    def restore(self, normalized: Tensor) -> Tensor:
        return normalized * self.std + self.mean


def patch_stats(patches_BNP: Tensor) -> PatchStats:
    """Measure each patch with the unbiased variance and 1e-6 inside the root.

    Both as in the official MAE.
    """
    variance, mean = torch.var_mean(widen(patches_BNP), dim=-1, keepdim=True)
    return PatchStats(mean, torch.sqrt(variance + 1e-6))


def normalize_patches(patches_BNP: Tensor) -> Tensor:
    """Each patch less its mean and over its deviation, as by `patch_stats`, in one pass."""
    patches = widen(patches_BNP)
    count = patches.shape[-1]
    # a layer norm divides by P and the unbiased variance by P - 1: weight and eps make up for it
    share = (count - 1) / count
    weight = patches.new_full((count,), math.sqrt(share))
    return F.layer_norm(patches, (count,), weight, eps=1e-6 * share)


@dataclass(frozen=True)
class PixelScale:
    """How stored pixels in [0, 255] become the model's numbers.

    A pixel becomes (pixel / 255 - mean) / std.

    mean, std: one number per channel, on the scale of [0, 1].
    """

    mean: tuple[float, ...]
    std: tuple[float, ...]

    @property
    def channels(self) -> int:
        return len(self.mean)

    def to_model(self, images: Tensor) -> Tensor:
        """Scale (B, C, H, W) images to the model's float32 numbers.

        images: uint8 in [0, 255], or float in [0, 1].
        """
        unit = images.float()
        if images.dtype == torch.uint8:
            unit = unit.div_(255)  # in place: `float()` has made a copy
        centered = unit - self._column(self.mean, unit)
        return centered.div_(self._column(self.std, unit))

    def to_unit(self, values: Tensor) -> Tensor:
        """Bring the model's numbers back to float pixels on the scale of [0, 1].

        They are not clipped, so that a loss on them has a gradient everywhere.
        """
        values = widen(values)
        return values * self._column(self.std, values) + self._column(self.mean, values)

    def to_display(self, values: Tensor) -> Tensor:
        """Bring the model's numbers back to float pixels clipped to [0, 1]."""
        return self.to_unit(values).clamp(0, 1)

    @staticmethod
    def _column(numbers: tuple[float, ...], like: Tensor) -> Tensor:
        """(C, 1, 1): one number per channel, ready to be spread over rows and columns."""
        return numbers_on(like.device, numbers, like.dtype)[:, None, None]
