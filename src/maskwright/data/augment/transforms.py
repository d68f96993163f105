"""Augmentation as geometry: a box and a flip for each picture, shared with its maps."""

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
# As in torchvision: so many boxes are tried before a plain one is taken.
_TRIES = 10


@dataclass(frozen=True)
class CropBox:
    """The part of one picture that is kept.

    top, left, height, width: in its pixels.
    flip: whether it is mirrored left to right.
    """

    top: int
    left: int
    height: int
    width: int
    flip: bool

    def apply(
        self, image: Tensor, size: tuple[int, int], interpolation: Interpolation = "bicubic"
    ) -> Tensor:
        """Cut the box out of a (C, H, W) picture or map and resize it to (height, width).

        Antialiased; uint8 or float.
        """
        rows = slice(self.top, self.top + self.height)
        columns = slice(self.left, self.left + self.width)
        part = image[:, rows, columns]
        # Resizing to the same size would only cost time.
        if (self.height, self.width) != size:
            (part,) = F.interpolate(
                part[None],
                size=size,
                mode=interpolation,
                antialias=True,
                align_corners=False,
            )
        if self.flip:
            part = part.flip(-1)
        return part


@dataclass(frozen=True)
class CropBoxes:
    """The boxes of a batch, five (B,) tensors."""

    top: Tensor
    left: Tensor
    height: Tensor
    width: Tensor
    flip: Tensor

    def to_views(self, heights: Tensor, widths: Tensor) -> Tensor:
        """(B, 5) float32: top, left, height, width as shares of the pictures, and 1 where mirrored.

        heights, widths: (B,) sizes of the pictures.
        """
        shares = [
            self.top / heights,
            self.left / widths,
            self.height / heights,
            self.width / widths,
            self.flip.float(),
        ]
        return torch.stack(shares, dim=1).float()

    def to_list(self) -> list[CropBox]:
        rows = zip(
            self.top.tolist(),
            self.left.tolist(),
            self.height.tolist(),
            self.width.tolist(),
            self.flip.tolist(),
            strict=True,
        )
        return [CropBox(*row) for row in rows]


@dataclass(frozen=True, kw_only=True)
class Augment:
    """How pictures of any size become (height, width) inputs.

    size: (height, width) of the input.
    crop: `random` takes a box of `scale` of the area and `ratio` of width to height (times the
        aspect of a non-square size), as RandomResizedCrop does; `center` takes the largest centered
        box of the wanted aspect; `stretch` takes the whole picture, aspect lost.
    scale: least and most share of the area, for random crops.
    ratio: least and most width to height, for random crops.
    flip: mirror half of the pictures left to right.
    interpolation: how pixels are resized.
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
        """Choose the boxes of a batch of pictures of (B,) heights and widths.

        Chance depends on (seed, epoch, sample id) alone.
        """
        rng = sample_rng(seed, epoch, sample_ids, "augment")
        top, left, height, width = self._boxes(heights, widths, rng.fork("box"))
        # A stream of its own: flips stay as they were when the crop changes.
        flip = torch.zeros_like(top, dtype=torch.bool)
        if self.flip:
            flip = rng.fork("flip").uniform() < 0.5
        return CropBoxes(top, left, height, width, flip)

    def _boxes(
        self, heights: Tensor, widths: Tensor, rng: KeyedRng
    ) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Top, left, height and width of each, (B,) int64."""
        if self.crop == "stretch":
            return torch.zeros_like(heights), torch.zeros_like(widths), heights, widths
        if self.crop == "center":
            aspect = self.size[1] / self.size[0]
            height, width = _largest(heights, widths, aspect, aspect)
            top = (heights - height) // 2
            left = (widths - width) // 2
            return top, left, height, width

        height, width, fits = self._random_sizes(heights, widths, rng)
        of_top, of_left = rng.uniform(2).unbind(1)
        free_top = heights - height
        free_left = widths - width
        # Any position where a random box fits, the center for those that stand in for it.
        drawn_top = (of_top * (free_top + 1)).long()
        drawn_left = (of_left * (free_left + 1)).long()
        top = torch.where(fits, drawn_top, free_top // 2)
        left = torch.where(fits, drawn_left, free_left // 2)
        return top, left, height, width

    def _random_sizes(
        self, heights: Tensor, widths: Tensor, rng: KeyedRng
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Heights and widths (B,) of random boxes, and which of them were drawn.

        The first of ten that fits; where none does, the largest box of a legal aspect.
        """
        aspect = self.size[1] / self.size[0]
        # (B, 10) areas, evenly between the bounds.
        least, most = self.scale
        share = least + (most - least) * rng.uniform(_TRIES)
        area = (heights * widths)[:, None] * share
        # (B, 10) ratios, even in their logarithm, so that tall and wide are equally likely.
        low = math.log(self.ratio[0] * aspect)
        high = math.log(self.ratio[1] * aspect)
        ratio = torch.exp(low + (high - low) * rng.uniform(_TRIES))
        width = (area * ratio).sqrt().round().long()
        height = (area / ratio).sqrt().round().long()
        fits_width = (width > 0) & (width <= widths[:, None])
        fits_height = (height > 0) & (height <= heights[:, None])
        fits = fits_width & fits_height
        # argmax gives the first of equals, and any one where none fits.
        first = fits.int().argmax(1, keepdim=True)  # (B, 1)
        first_height = height.gather(1, first)[:, 0]
        first_width = width.gather(1, first)[:, 0]
        any_fits = fits.any(1)
        largest_height, largest_width = _largest(heights, widths, math.exp(low), math.exp(high))
        return (
            torch.where(any_fits, first_height, largest_height),
            torch.where(any_fits, first_width, largest_width),
            any_fits,
        )


def evaluation_view(size: tuple[int, int], interpolation: Interpolation = "bicubic") -> Augment:
    """The view without chance: the largest centered box of the wanted aspect, resized."""
    return Augment(size=size, crop="center", flip=False, interpolation=interpolation)


def _largest(heights: Tensor, widths: Tensor, low: float, high: float) -> tuple[Tensor, Tensor]:
    """The largest boxes whose width / height lies between low and high."""
    # As wide as the picture or as its height allows, then the other way round; never 0 pixels.
    width = torch.minimum(widths.double(), heights * high)
    width = width.round().clamp(min=1)
    height = torch.minimum(heights.double(), widths / low)
    height = height.round().clamp(min=1)
    return height.long(), width.long()
