"""Augmentation as geometry: a box and a flip for each picture, drawn from its own random stream,
that pictures and their maps share.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor

from maskwright.data.augment.changes import Changes
from maskwright.support.errors import MaskwrightError
from maskwright.support.seeding import KeyedRng, sample_rng

Crop = Literal["random", "center", "stretch"]
Interpolation = Literal["bicubic", "bilinear"]
_TRIES = 10


@dataclass(frozen=True)
class CropBox:
    """The part of one picture that is kept, in its pixels, and whether it is mirrored left to
    right.
    """

    top: int
    left: int
    height: int
    width: int
    flip: bool

    def apply(
        self, image: Tensor, size: tuple[int, int], interpolation: Interpolation = "bicubic"
    ) -> Tensor:
        """Cut the box out of a (C, H, W) uint8 or float picture or map and resize it, antialiased,
        to (height, width).
        """
        part = image[:, self.top : self.top + self.height, self.left : self.left + self.width]
        if (self.height, self.width) != size:
            part = F.interpolate(
                part[None], size=size, mode=interpolation, antialias=True, align_corners=False
            )[0]
        return part.flip(-1) if self.flip else part


@dataclass(frozen=True)
class CropBoxes:
    """The boxes of a batch, five (B,) tensors."""

    top: Tensor
    left: Tensor
    height: Tensor
    width: Tensor
    flip: Tensor

    def to_views(self, heights: Tensor, widths: Tensor) -> Tensor:
        """(B, 5) float32: top, left, height, width as shares of pictures of these sizes, and 1
        where mirrored.
        """
        sides = (self.top / heights, self.left / widths, self.height / heights, self.width / widths)
        return torch.stack([*sides, self.flip.float()], dim=1).float()

    def to_list(self) -> list[CropBox]:
        columns = (self.top, self.left, self.height, self.width, self.flip)
        return [CropBox(*row) for row in zip(*(column.tolist() for column in columns), strict=True)]


@dataclass(frozen=True, kw_only=True)
class Augment:
    """How pictures of any size become (height, width) inputs.

    crop: `random` takes a box of `scale` of the area and `ratio` of width to height (times the
        aspect of a non-square size), as RandomResizedCrop does; `center` takes the largest centered
        box of the wanted aspect; `stretch` takes the whole picture, aspect lost.
    flip: mirror half of the pictures left to right.
    changes: what else is done to the crop.
    """

    size: tuple[int, int]
    crop: Crop = "random"
    scale: tuple[float, float] = (0.2, 1.0)
    ratio: tuple[float, float] = (3 / 4, 4 / 3)
    flip: bool = True
    interpolation: Interpolation = "bicubic"
    changes: Changes = Changes()

    def __post_init__(self) -> None:
        for name, value, known in (
            ("crop", self.crop, ("random", "center", "stretch")),
            ("interpolation", self.interpolation, ("bicubic", "bilinear")),
        ):
            if value not in known:
                raise MaskwrightError(f"{name} is one of {', '.join(known)}; got '{value}'.")
        if min(self.size) < 1:
            raise MaskwrightError(f"A picture has at least 1x1 pixels; got size {self.size}.")
        if not 0 < self.scale[0] <= self.scale[1] <= 1:
            raise MaskwrightError(
                f"scale is two shares of the area, 0 < least <= most <= 1; got {self.scale}."
            )
        if not 0 < self.ratio[0] <= self.ratio[1]:
            raise MaskwrightError(
                f"ratio is two aspect ratios, 0 < least <= most; got {self.ratio}."
            )

    def draw(
        self, heights: Tensor, widths: Tensor, *, seed: int, epoch: int, sample_ids: Tensor
    ) -> CropBoxes:
        """Choose the boxes of a batch of pictures of (B,) heights and widths; chance depends on
        (seed, epoch, sample id) alone.
        """
        rng = sample_rng(seed, epoch, sample_ids, "augment")
        top, left, height, width = self._boxes(heights, widths, rng.fork("box"))
        flip = (
            rng.fork("flip").uniform() < 0.5
            if self.flip
            else torch.zeros_like(top, dtype=torch.bool)
        )
        return CropBoxes(top, left, height, width, flip)

    def _boxes(
        self, heights: Tensor, widths: Tensor, rng: KeyedRng
    ) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        if self.crop == "stretch":
            return torch.zeros_like(heights), torch.zeros_like(widths), heights, widths
        if self.crop == "center":
            height, width = _largest(
                heights, widths, self.size[1] / self.size[0], self.size[1] / self.size[0]
            )
            return (heights - height) // 2, (widths - width) // 2, height, width
        height, width, fits = self._random_sizes(heights, widths, rng)
        place = rng.uniform(2)
        free_top, free_left = heights - height, widths - width
        top = torch.where(fits, (place[:, 0] * (free_top + 1)).long(), free_top // 2)
        left = torch.where(fits, (place[:, 1] * (free_left + 1)).long(), free_left // 2)
        return top, left, height, width

    def _random_sizes(
        self, heights: Tensor, widths: Tensor, rng: KeyedRng
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Take the first of ten random boxes that fits, else the largest box of a legal aspect;
        also say which were drawn.
        """
        aspect = self.size[1] / self.size[0]
        area = (heights * widths)[:, None] * (
            self.scale[0] + (self.scale[1] - self.scale[0]) * rng.uniform(_TRIES)
        )
        low, high = math.log(self.ratio[0] * aspect), math.log(self.ratio[1] * aspect)
        ratio = torch.exp(low + (high - low) * rng.uniform(_TRIES))
        width, height = (area * ratio).sqrt().round().long(), (area / ratio).sqrt().round().long()
        fits = (
            (width > 0) & (height > 0) & (width <= widths[:, None]) & (height <= heights[:, None])
        )
        first = fits.int().argmax(1, keepdim=True)
        rest_height, rest_width = _largest(heights, widths, math.exp(low), math.exp(high))
        any_fits = fits.any(1)
        chosen_height = torch.where(any_fits, height.gather(1, first)[:, 0], rest_height)
        return (
            chosen_height,
            torch.where(any_fits, width.gather(1, first)[:, 0], rest_width),
            any_fits,
        )


def evaluation_view(size: tuple[int, int], interpolation: Interpolation = "bicubic") -> Augment:
    """The view without chance: the largest centered box of the wanted aspect, resized."""
    return Augment(size=size, crop="center", flip=False, interpolation=interpolation)


def _largest(heights: Tensor, widths: Tensor, low: float, high: float) -> tuple[Tensor, Tensor]:
    """The largest boxes whose width / height lies between low and high."""
    width = torch.minimum(widths.double(), heights * high).round().clamp(min=1)
    height = torch.minimum(heights.double(), widths / low).round().clamp(min=1)
    return height.long(), width.long()
