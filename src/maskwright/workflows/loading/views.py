"""Pictures of any kind as a model wants to see them: shrunk, center-cropped, in batches."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from maskwright.data.augment.transforms import evaluation_view
from maskwright.data.pixels.decode import (
    DecodeOptions,
    UnreadableImage,
    picture_pixels,
    quiet_pillow,
)
from maskwright.data.pixels.value_range import FULL
from maskwright.data.sources.open import Source, open_source
from maskwright.data.sources.reading import AS_FOUND, Reading
from maskwright.models.config import ModelConfig
from maskwright.support.environment import cpu_count
from maskwright.workflows.loading.pictures import packing_side

# Pictures at once: enough to keep a device busy, few enough for any memory.
BATCH = 64


@dataclass
class PictureBatches:
    """The readable pictures of a source in order, `BATCH` at a time and never more in memory.

    Each batch is the indexes of the pictures and (n, C, H, W) uint8.

    source: where pictures are read.
    config: of the model that sees them.
    rows: the numbers of the pictures; None for all.
    skipped: what could not be read so far.
    """

    source: Source
    config: ModelConfig
    rows: range | None = None
    skipped: list[UnreadableImage] = field(default_factory=list)

    def __iter__(self) -> Iterator[tuple[list[int], Tensor]]:
        # Decoding releases Python's lock: threads are enough.
        with ThreadPoolExecutor(max(1, cpu_count())) as pool, quiet_pillow():
            rows = range(len(self.source)) if self.rows is None else self.rows
            for start in range(0, len(rows), BATCH):
                indexes = rows[start : start + BATCH]
                # In the order of the source, whichever thread is done first.
                good: dict[int, Tensor] = {}
                for index, item in zip(indexes, pool.map(self._read, indexes), strict=True):
                    if isinstance(item, UnreadableImage):
                        self.skipped.append(item)
                    else:
                        good[index] = item
                if good:
                    yield list(good), torch.stack(list(good.values()))

    def _read(self, index: int) -> Tensor | UnreadableImage:
        try:
            return view(self.source.read(index, decode_options(self.config)), self.config)
        except UnreadableImage as error:
            return error


def decode_options(config: ModelConfig) -> DecodeOptions:
    """How a model wants pictures from a source.

    They are shrunk as packing shrinks them, so that features are the same as in a training.
    """
    return DecodeOptions(channels=config.channels, short_side=packing_side(config.image_size))


def view(pixels: np.ndarray, config: ModelConfig) -> Tensor:
    """(H, W, C) uint8 pixels as (C, height, width) uint8 at the model's size.

    The largest centered box is resized.
    """
    picture = torch.from_numpy(np.array(pixels)).permute(2, 0, 1)
    return to_model_size(picture, config.image_size)


def to_model_size(picture: Tensor, size: tuple[int, int]) -> Tensor:
    """Shrink and center-crop one (C, h, w) uint8 picture to (C, height, width)."""
    heights, widths = torch.tensor(picture.shape[1:])[:, None]  # a batch of one
    ids = torch.zeros(1, dtype=torch.int64)
    boxes = evaluation_view(size).draw(heights, widths, seed=0, epoch=0, sample_ids=ids)
    return boxes.to_list()[0].apply(picture, size)


def batches_of(images: Any, config: ModelConfig, reading: Reading = AS_FOUND) -> Iterator[Tensor]:
    """Batches of uint8 images (n, C, H, W) at the model's size.

    images: an array (NCHW or NHWC, or one image), a Pillow image, a path, or a list of those.
    reading: which values mean black and white, for those of other than 8 bits.

    Raises UnreadableImage for a picture that cannot be read: here nothing is skipped.
    """
    for item in _items(images):
        if isinstance(item, Image.Image):
            # A Pillow image has its own mode; only its range of values may be stated.
            values = reading.ranges.filled_by(FULL)
            yield view(picture_pixels(item, decode_options(config), values), config)[None]
            continue
        batches = PictureBatches(open_source(item, reading=reading), config)
        # Checked before each batch, and once more for a source that had no other pictures.
        for _, batch in batches:
            if batches.skipped:
                raise batches.skipped[0]
            yield batch
        if batches.skipped:
            raise batches.skipped[0]


def _items(images: Any) -> Iterable[Any]:
    """The parts of what was given.

    A single image as an array gets a batch dimension; arrays in a list are each one image or a
    batch.
    """
    # Flattened: lists of lists and batches come to the same.
    if isinstance(images, (list, tuple)):
        return [part for item in images for part in _items(item)]
    if isinstance(images, (np.ndarray, Tensor)) and images.ndim == 3:
        return [images[None]]
    return [images]
