"""Augmentation as geometry: a box and a flip for each picture, shared with its maps."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal, get_args

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
        bottom = self.top + self.height
        right = self.left + self.width
        part = image[:, self.top : bottom, self.left : right]
        # Resizing to the same size would only cost time.
        if (self.height, self.width) != size:
            resized = F.interpolate(
                part[None],
                size=size,
                mode=interpolation,
                antialias=True,
                align_corners=False,
            )
            part = resized[0]
        if self.flip:
            part = part.flip(-1)
        return part


@dataclass(frozen=True)
class CropBoxes:
    """The boxes of a batch, as in `CropBox`.

    top, left, height, width: (B,) int64.
    flip: (B,) bool.
    """

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
        _check_known("crop", self.crop, get_args(Crop))
        _check_known("interpolation", self.interpolation, get_args(Interpolation))
        if min(self.size) < 1:
            raise MaskwrightError(f"A picture has at least 1x1 pixels; got size {self.size}.")
        least, most = self.scale
        if not 0 < least <= most <= 1:
            raise MaskwrightError(
                f"scale is two shares of the area, 0 < least <= most <= 1; got {self.scale}."
            )
        least, most = self.ratio
        if not 0 < least <= most:
            raise MaskwrightError(
                f"ratio is two aspect ratios, 0 < least <= most; got {self.ratio}."
            )

    @property
    def aspect(self) -> float:
        """Width to height of the input."""
        height, width = self.size
        return width / height

    def draw(
        self, heights: Tensor, widths: Tensor, *, seed: int, epoch: int, sample_ids: Tensor
    ) -> CropBoxes:
        """Choose the boxes of a batch of pictures of (B,) heights and widths.

        Chance depends on (seed, epoch, sample id) alone.
        """
        rng = sample_rng(seed, epoch, sample_ids, "augment")
        # A stream of its own: flips stay as they were when the crop changes.
        flip = torch.zeros_like(heights, dtype=torch.bool)
        if self.flip:
            flip = rng.fork("flip").uniform() < 0.5

        if self.crop == "random":
            return self._random_boxes(heights, widths, flip, rng.fork("box"))
        height, width = heights, widths
        if self.crop == "center":
            height, width = _largest(heights, widths, self.aspect, self.aspect)
        return CropBoxes(
            top=(heights - height) // 2,
            left=(widths - width) // 2,
            height=height,
            width=width,
            flip=flip,
        )

    def _random_boxes(
        self, heights: Tensor, widths: Tensor, flip: Tensor, rng: KeyedRng
    ) -> CropBoxes:
        """The first of ten random boxes that fits; where none does, the largest legal one."""
        height, width = self._random_sizes(heights, widths, rng)  # (B, 10)
        fits_height = (height > 0) & (height <= heights[:, None])
        fits_width = (width > 0) & (width <= widths[:, None])
        fits = fits_height & fits_width
        any_fits = fits.any(1)  # (B,)
        # argmax gives the first of equals, and any one where none fits.
        first = fits.int().argmax(1, keepdim=True)  # (B, 1)
        first_height = height.gather(1, first)[:, 0]
        first_width = width.gather(1, first)[:, 0]

        low, high = self._log_ratios()
        least = math.exp(low)
        most = math.exp(high)
        largest_height, largest_width = _largest(heights, widths, least, most)
        height = torch.where(any_fits, first_height, largest_height)
        width = torch.where(any_fits, first_width, largest_width)

        # Any position where a random box fits, the center for those that stand in for it.
        of_top, of_left = rng.uniform(2).unbind(1)
        free_top = heights - height
        free_left = widths - width
        drawn_top = (of_top * (free_top + 1)).long()
        drawn_left = (of_left * (free_left + 1)).long()
        return CropBoxes(
            top=torch.where(any_fits, drawn_top, free_top // 2),
            left=torch.where(any_fits, drawn_left, free_left // 2),
            height=height,
            width=width,
            flip=flip,
        )

    def _random_sizes(
        self, heights: Tensor, widths: Tensor, rng: KeyedRng
    ) -> tuple[Tensor, Tensor]:
        """(B, 10) heights and widths of random boxes, which need not fit."""
        # Areas are even between their bounds.
        least, most = self.scale
        share = least + (most - least) * rng.uniform(_TRIES)
        area = share * (heights * widths)[:, None]
        # Ratios are even in their logarithm, so that tall and wide are equally likely.
        low, high = self._log_ratios()
        log_ratio = low + (high - low) * rng.uniform(_TRIES)
        ratio = log_ratio.exp()

        height = (area / ratio).sqrt().round()
        width = (area * ratio).sqrt().round()
        return height.long(), width.long()

    def _log_ratios(self) -> tuple[float, float]:
        """Logarithms of the least and the most width to height of a box."""
        least, most = self.ratio
        return math.log(least * self.aspect), math.log(most * self.aspect)


def _check_known(name: str, value: str, known: tuple[str, ...]) -> None:
    if value not in known:
        raise MaskwrightError(f"{name} is one of {', '.join(known)}; got '{value}'.")


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
