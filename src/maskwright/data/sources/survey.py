"""What a source holds, in one line for people: how many pictures, which formats and sizes, gray or
color, what is broken.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

import numpy as np

from maskwright.data.pixels.decode import UnreadableImage, Wanted, quiet_pillow
from maskwright.data.sources.open import Source
from maskwright.data.sources.picture_files import extension
from maskwright.support.errors import MaskwrightError

_PREVIEW = Wanted(short_side=64)


@dataclass(frozen=True, kw_only=True)
class Survey:
    """Facts about a source; sizes are (height, width), ordered by the number of pixels, over the
    `looked_at` pictures of a sample.
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
        parts = [self._found(), self._sizes(), self._colors()]
        if self.classes:
            parts.append(f"{len(self.classes)} classes ({_shortened(self.classes)})")
        line = ", ".join(parts)
        if self.unreadable:
            line += f"; {len(self.unreadable):,} unreadable skipped"
        return line + (
            f" (sizes and colors from {self.looked_at:,} of them)"
            if self.looked_at < self.count
            else ""
        )

    def _found(self) -> str:
        kinds = ", ".join(f"{kind} {count:,}" for kind, count in self.formats.items())
        return f"found {self.count:,} image{'s' * (self.count != 1)} ({kinds})"

    def _sizes(self) -> str:
        if self.smallest == self.largest:
            return f"all {_format(self.smallest)}"
        return (
            f"{_format(self.smallest)} to {_format(self.largest)} (height x width), median"
            f" {_format(self.median)}"
        )

    def _colors(self) -> str:
        return (
            "gray" if self.gray else "color" if self.channels == 3 else f"{self.channels} channels"
        )


def survey(source: Source, sample: int | None = 256) -> Survey:
    """Look at `sample` pictures spread evenly over a source (all when None), decoding
    each small.

    Raises MaskwrightError when none of them can be read.
    """
    count = len(source)
    step = 1 if sample is None else max(1, count // sample)
    indexes = range(0, count, step)
    sizes, shapes, unreadable = [], [], []
    with quiet_pillow():
        for index in indexes:
            try:
                pixels = source.read(index, _PREVIEW)
                sizes.append(source.size(index))
                shapes.append((pixels.shape[2], _is_gray(pixels)))
            except UnreadableImage as error:
                unreadable.append(error)
    if not sizes:
        raise MaskwrightError(nothing_readable(source.name, len(indexes), unreadable[0]))
    sizes.sort(key=lambda size: (size[0] * size[1], size))
    kinds = Counter(extension(source.key(index)) or "array" for index in range(count))
    return Survey(
        count=count,
        formats=dict(kinds.most_common()),
        looked_at=len(indexes),
        smallest=sizes[0],
        median=sizes[len(sizes) // 2],
        largest=sizes[-1],
        channels=max(channels for channels, _ in shapes),
        gray=all(gray for _, gray in shapes),
        num_labels=None if source.labels is None else len(source.labels),
        classes=None if source.classes is None else tuple(source.classes),
        unreadable=tuple(unreadable),
        notes=source.notes,
    )


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
    spread = pixels.max(axis=2).astype(np.int16) - pixels.min(axis=2)
    return bool(spread.max() <= 4)


def _format(size: tuple[int, int]) -> str:
    return f"{size[0]}x{size[1]}"


def _shortened(names: tuple[str, ...]) -> str:
    return ", ".join(names[:4]) + (" ..." if len(names) > 4 else "")
