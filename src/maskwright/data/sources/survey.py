"""What a source holds, in one line for people.

How many pictures, which formats and sizes, gray or color, and what is broken.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

import numpy as np

from maskwright.data.pixels.decode import DecodeOptions, UnreadableImage, quiet_pillow
from maskwright.data.sources.file_names import extension
from maskwright.data.sources.map_names import notes_on_maps
from maskwright.data.sources.source import Source
from maskwright.support.errors import MaskwrightError
from maskwright.support.plurals import count_of

_PREVIEW = DecodeOptions(short_side=64)  # enough to tell gray from color, and quick to decode
_NOISE = 4  # levels that JPEG puts between the channels of a gray picture
_MOST_CLASSES = 4  # named in the line


@dataclass(frozen=True, kw_only=True)
class Survey:
    """Facts about a source.

    Sizes are (height, width), ordered by the number of pixels.

    count: pictures of the source.
    formats: how many there are of each ending.
    looked_at: pictures of the sample that the facts below are from.
    smallest: size of the smallest.
    median: size of the one in the middle.
    largest: size of the largest.
    channels: the most that any picture has.
    gray: whether all pictures are.
    num_labels: how many labels there are; None for unlabeled data.
    classes: the name of each class, or None.
    unreadable: pictures of the sample that cannot be used.
    notes: sentences about what was decided while opening.
    """

    count: int
    formats: dict[str, int]
    looked_at: int
    smallest: tuple[int, int]
    median: tuple[int, int]
    largest: tuple[int, int]
    channels: int
    gray: bool
    num_labels: int | None
    classes: tuple[str, ...] | None
    unreadable: tuple[UnreadableImage, ...]
    notes: tuple[str, ...]

    def __str__(self) -> str:
        parts = [self._counts(), self._sizes(), self._colors()]
        if self.classes:
            names = _shortened(self.classes)
            parts.append(f"{len(self.classes)} classes ({names})")
        line = ", ".join(parts)
        if self.unreadable:
            line += f"; {len(self.unreadable):,} unreadable skipped"
        if self.looked_at < self.count:
            line += f" (sizes and colors from {self.looked_at:,} of them)"
        return line

    def _counts(self) -> str:
        formats = ", ".join(f"{ending} {count:,}" for ending, count in self.formats.items())
        return f"found {count_of(self.count, 'image')} ({formats})"

    def _sizes(self) -> str:
        if self.smallest == self.largest:
            return f"all {_format(self.smallest)}"
        return (
            f"{_format(self.smallest)} to {_format(self.largest)} (height x width), median"
            f" {_format(self.median)}"
        )

    def _colors(self) -> str:
        if self.gray:
            return "gray"
        return "color" if self.channels == 3 else f"{self.channels} channels"


def survey(source: Source, sample: int | None = 256) -> Survey:
    """Look at pictures spread evenly over a source, decoding each small.

    source: the pictures.
    sample: how many to look at; None for all.

    Raises MaskwrightError when none of them can be read.
    """
    step = 1 if sample is None else max(1, len(source) // sample)
    pictures: list[_SampledPicture] = []
    unreadable: list[UnreadableImage] = []
    with quiet_pillow():
        for index in range(0, len(source), step):
            try:
                pictures.append(_read_picture(source, index))
            except UnreadableImage as error:
                unreadable.append(error)
    looked_at = len(pictures) + len(unreadable)
    if not pictures:
        raise MaskwrightError(nothing_readable(source.name, looked_at, unreadable[0]))

    sizes = [picture.size for picture in pictures]
    sizes.sort(key=lambda size: (size[0] * size[1], size))
    # Rows of an array and items of a Dataset have no ending.
    keys = map(source.key, range(len(source)))
    formats = Counter(extension(key) or "array" for key in keys)
    return Survey(
        count=len(source),
        formats=dict(formats.most_common()),
        looked_at=looked_at,
        smallest=sizes[0],
        median=sizes[len(sizes) // 2],
        largest=sizes[-1],
        channels=max(picture.channels for picture in pictures),
        gray=all(picture.gray for picture in pictures),
        num_labels=None if source.labels is None else len(source.labels),
        classes=None if source.classes is None else tuple(source.classes),
        unreadable=tuple(unreadable),
        notes=(*source.notes, *notes_on_maps(source, formats)),
    )


@dataclass(frozen=True)
class _SampledPicture:
    """One picture of the sample: its size as stored, its channels, and whether it is gray."""

    size: tuple[int, int]
    channels: int
    gray: bool


def _read_picture(source: Source, index: int) -> _SampledPicture:
    # Decoding first: a header may promise a picture that is broken behind it.
    pixels = source.read(index, _PREVIEW)
    return _SampledPicture(source.size(index), pixels.shape[2], _is_gray(pixels))


def nothing_readable(name: str, count: int, first: UnreadableImage) -> str:
    """The sentence for data of which no picture can be read."""
    return (
        f"None of the {count:,} pictures looked at in '{name}' can be read. The first: {first.key}:"
        f" {first.reason}."
    )


def _is_gray(pixels: np.ndarray) -> bool:
    """Whether a picture has one channel, or three that are equal up to the noise of compression."""
    if pixels.shape[2] != 3:
        return pixels.shape[2] == 1
    brightest = pixels.max(axis=2).astype(np.int16)
    spread = brightest - pixels.min(axis=2)
    return bool(spread.max() <= _NOISE)


def _format(size: tuple[int, int]) -> str:
    return f"{size[0]}x{size[1]}"


def _shortened(names: tuple[str, ...]) -> str:
    more = " ..." if len(names) > _MOST_CLASSES else ""
    return ", ".join(names[:_MOST_CLASSES]) + more
