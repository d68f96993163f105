"""Strong changes for training on labels: RandAugment and erased rectangles."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import torch
from PIL import Image, ImageOps
from torch import Tensor

from maskwright.patches.pixels import PixelScale
from maskwright.support.checks import check_inside
from maskwright.support.errors import MaskwrightError
from maskwright.support.seeded_globals import seeded_globals
from maskwright.support.seeding import derive_seed, sample_rng, torch_generator

NONE = "none"
# As in timm: shares of the area, and ratios of height to width.
_ERASED_AREA = (0.02, 1 / 3)
_ERASED_ASPECT = (0.3, 1 / 0.3)


@dataclass(frozen=True, kw_only=True)
class StrongChanges:
    """What is done to uint8 pictures after crop and flip.

    The chance of a picture depends on (seed, epoch, sample id) alone.

    rand_augment: timm's words for it, e.g. rand-m9-mstd0.5-inc1, or none.
    erase: share of the pictures of which a rectangle is replaced by noise (Zhong et al. 2020).
    scale: mean and deviation of the pictures, for the noise and for filled corners.
    size: (height, width) of the pictures.
    seed: of all this chance.
    """

    rand_augment: str
    erase: float
    scale: PixelScale
    size: tuple[int, int]
    seed: int

    def __post_init__(self) -> None:
        check_inside("erase", self.erase, 0, 1)
        if self.rand_augment != NONE:
            if len(self.scale.mean) not in (1, 3):
                raise MaskwrightError(
                    f"RandAugment knows gray and color pictures; these have {len(self.scale.mean)}"
                    " channels. Use rand_augment=none."
                )
            check_rand_augment(self.rand_augment)

    def __call__(self, images: Tensor, epoch: int, sample_ids: Tensor) -> Tensor:
        """Change a (B, C, H, W) uint8 batch."""
        # Erasing comes last: noise is not to be turned or recolored.
        if self.rand_augment != NONE:
            images = self._augment(images, epoch, sample_ids)
        if self.erase > 0:
            images = self._erase(images, epoch, sample_ids)
        return images

    def _augment(self, images: Tensor, epoch: int, sample_ids: Tensor) -> Tensor:
        changed = torch.empty_like(images)
        # timm draws from the global generators: they are seeded for each picture and put back.
        with seeded_globals() as seed:
            for row, index in enumerate(sample_ids.tolist()):
                of_picture = derive_seed(self.seed, "rand augment", epoch, index)
                seed(of_picture)
                picture = _to_picture(images[row])
                augmented = self._rand_augment(picture)
                changed[row] = _to_tensor(augmented, images.shape[1])
        return changed

    @cached_property
    def _rand_augment(self) -> Any:
        # Corners that a turn leaves empty get the mean color.
        mean = tuple(round(255 * value) for value in self.scale.mean)
        # Gray pictures are changed in color too, so their mean stands for all three.
        if len(mean) == 1:
            mean = mean * 3
        return _build(self.rand_augment, mean, self.size)

    def _erase(self, images: Tensor, epoch: int, sample_ids: Tensor) -> Tensor:
        _, channels, height, width = images.shape
        rng = sample_rng(self.seed, epoch, sample_ids, "erase")
        chance = rng.uniform(5)  # (B, 5)
        is_erased = chance[:, 0] < self.erase
        boxes = _draw_boxes(chance[:, 1:], height, width)
        # The batch may be a view of pictures that others use.
        images = images.clone()
        erased = is_erased.nonzero()[:, 0]
        for row in erased.tolist():
            top, left, rows, columns = boxes[row]
            sample_id = int(sample_ids[row])
            generator = torch_generator(self.seed, "noise", epoch, sample_id)
            noise = torch.randn(channels, rows, columns, generator=generator)
            part = images[row, :, top : top + rows, left : left + columns]
            part.copy_(self._as_bytes(noise))
        return images

    def _as_bytes(self, noise: Tensor) -> Tensor:
        # (C,) -> (C, 1, 1)
        mean = torch.tensor(self.scale.mean)[:, None, None]
        std = torch.tensor(self.scale.std)[:, None, None]
        values = noise * std + mean
        levels = (values * 255).round()
        return levels.clamp(0, 255).to(torch.uint8)


def _draw_boxes(chance: Tensor, height: int, width: int) -> list[list[int]]:
    """Top, left, height and width of a rectangle in each picture.

    chance: (B, 4) in [0, 1), of area, aspect, top and left.
    """
    of_area, of_aspect, of_top, of_left = chance.unbind(1)  # (B,) each
    least, most = _ERASED_AREA
    share = least + (most - least) * of_area
    area = height * width * share
    # The logarithm is even, so that tall and wide are equally likely.
    low, high = map(math.log, _ERASED_ASPECT)
    log_aspect = low + (high - low) * of_aspect
    aspect = log_aspect.exp()

    tall = (area * aspect).sqrt().round()
    wide = (area / aspect).sqrt().round()
    tall = tall.clamp(1, height)
    wide = wide.clamp(1, width)
    top = of_top * (height - tall + 1)
    left = of_left * (width - wide + 1)
    boxes = torch.stack([top.floor(), left.floor(), tall, wide], 1)  # (B, 4)
    return boxes.long().tolist()


def check_rand_augment(words: str) -> None:
    """Raise MaskwrightError for words that timm does not take for RandAugment."""
    try:
        _build(words, (128, 128, 128), (32, 32))
    except (AssertionError, ValueError, KeyError) as error:
        raise MaskwrightError(
            f"rand_augment takes timm's words, e.g. rand-m9-mstd0.5-inc1, or none; got '{words}'."
        ) from error


def _build(words: str, mean: tuple[int, ...], size: tuple[int, int]) -> Any:
    from timm.data.auto_augment import rand_augment_transform

    # 0.45 of the side is what timm's own pipeline gives.
    hints = {"translate_const": int(min(size) * 0.45), "img_mean": mean}
    changes = rand_augment_transform(words, hints)
    for change in changes.ops:
        if change.name.startswith("Posterize"):
            change.aug_fn = _posterize
    return changes


def _posterize(picture: Image.Image, bits: int, **_: Any) -> Image.Image:
    """Keep at least one bit of each color."""
    # At the largest magnitude timm keeps 0 bits, a black picture, which Pillow 12 refuses to make.
    return ImageOps.posterize(picture, max(1, bits))


def _to_picture(image: Tensor) -> Image.Image:
    """A Pillow picture in color of a (C, H, W) tensor, gray or in color."""
    # timm fills corners with three numbers, which a gray picture does not take.
    colored = image.expand(3, -1, -1).permute(1, 2, 0)  # (H, W, 3)
    return Image.fromarray(colored.contiguous().numpy())


def _to_tensor(picture: Image.Image, channels: int) -> Tensor:
    pixels = torch.from_numpy(np.array(picture))  # (H, W, 3)
    return pixels.permute(2, 0, 1)[:channels]
