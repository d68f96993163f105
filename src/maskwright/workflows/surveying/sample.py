"""A sample of a source, each picture decoded small: its size, its channels and a thumbnail."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial

import numpy as np

from maskwright.data.pixels.decode import DecodeOptions, UnreadableImage, quiet_pillow
from maskwright.data.pixels.perceptual_hash import THUMBNAIL, to_thumbnail
from maskwright.data.sources.open import Source
from maskwright.data.sources.survey import nothing_readable
from maskwright.data.store.splits import spread
from maskwright.support.count_progress import CountProgress
from maskwright.support.environment import cpu_count
from maskwright.support.errors import MaskwrightError
from maskwright.support.reporting import Reporter

# Enough to tell colors and to make a thumbnail of, and quick to decode.
_PREVIEW = DecodeOptions(short_side=2 * THUMBNAIL)
_NOISE = 4  # levels that JPEG puts between the channels of a gray picture
_AT_ONCE = 64  # pictures between two reports of progress


@dataclass(frozen=True)
class DecodedPicture:
    """One picture.

    index: its number in the source.
    size: (height, width) as stored.
    colors: gray, color, or the number of channels.
    thumbnail: (32, 32) uint8 gray.
    """

    index: int
    size: tuple[int, int]
    colors: str
    thumbnail: np.ndarray


@dataclass(frozen=True)
class Sample:
    """The pictures of a source that were decoded.

    total: pictures of the source.
    pictures: those that can be read.
    broken: those that cannot.
    """

    total: int
    pictures: tuple[DecodedPicture, ...]
    broken: tuple[UnreadableImage, ...]

    @property
    def decoded(self) -> int:
        return len(self.pictures) + len(self.broken)

    @property
    def is_whole(self) -> bool:
        """Whether every picture was decoded."""
        return self.decoded == self.total


def decode_sample(source: Source, most: int | None, reporter: Reporter) -> Sample:
    """Decode pictures spread evenly over the source, all of them where `most` is None.

    Raises MaskwrightError when none can be read.
    """
    indexes = spread(len(source), len(source) if most is None else most)
    pictures: list[DecodedPicture] = []
    broken: list[UnreadableImage] = []
    progress = CountProgress(reporter, "look")
    # Decoding releases Python's lock: threads are enough.
    with quiet_pillow(), ThreadPoolExecutor(cpu_count()) as pool:
        for start in range(0, len(indexes), _AT_ONCE):
            part = indexes[start : start + _AT_ONCE]
            for found in pool.map(partial(_decode, source), part):
                if isinstance(found, UnreadableImage):
                    broken.append(found)
                else:
                    pictures.append(found)
            done = start + len(part)
            progress.show(done, len(indexes))
    reporter.finish()
    if not pictures:
        raise MaskwrightError(nothing_readable(source.name, len(indexes), broken[0]))
    return Sample(len(source), tuple(pictures), tuple(broken))


def _decode(source: Source, index: int) -> DecodedPicture | UnreadableImage:
    try:
        # Decoding first: a header may promise a picture that is broken behind it.
        pixels = source.read(index, _PREVIEW)
        return DecodedPicture(index, source.size(index), _colors(pixels), to_thumbnail(pixels))
    except UnreadableImage as error:
        return error


def _colors(pixels: np.ndarray) -> str:
    """Gray in one channel or three, color, or the number of channels."""
    channels = pixels.shape[2]
    if channels == 1:
        return "gray"
    if channels != 3:
        return f"{channels} channels"
    spread_of_each = pixels.max(axis=2).astype(np.int16) - pixels.min(axis=2)
    return "gray" if int(spread_of_each.max()) <= _NOISE else "color"
