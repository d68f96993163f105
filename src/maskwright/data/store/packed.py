"""The packed store: decoded pictures as bytes in one memory-mapped file, shared by all workers."""

from __future__ import annotations

import dataclasses
import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import chain
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor

from maskwright.data.store.same_picture import hash_pixels
from maskwright.patches.pixels import PixelScale
from maskwright.support.errors import MaskwrightError
from maskwright.support.files import hash_strings
from maskwright.support.name_column import choose_names

FORMAT = 1
# How files become pixels. Raised whenever the same file is read as other pixels than before, so
# that no store of then is served.
READING = 3
PIXELS, INDEX, FACTS = "pixels.bin", "index.npz", "store.json"
# Enough pictures for a mean and a deviation; all of a large store would take minutes.
_SCALE_SAMPLE = 2048
logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Skipped:
    """A picture that was left out of a store, and why."""

    key: str
    reason: str


class Live(Protocol):
    """Where the pictures of a store come from when it keeps no pixels of its own."""

    def image(self, index: int, size: tuple[int, int]) -> Tensor:
        """One picture as uint8 (C, H, W) of this (height, width)."""
        ...


@dataclass(frozen=True, kw_only=True, eq=False)
class PackedStore:
    """Pictures ready to use: N of them, one after another in a file that is mapped into memory.

    Each is (height, width, channels) bytes. Subsets share the file.

    folder: where the file lies.
    num_bytes: the size of the file.
    channels: 1, 3 or 4, or an array's own number.
    short_side: what longer shorter sides were shrunk to, in pixels.
    fingerprint: a hash of the source and of the selection.
    offsets: (N,) int64, where each picture begins in the file, in bytes.
    heights, widths: (N,) int64, in pixels.
    labels: (N,) int64 or None.
    classes: the names of the labels, where they have names.
    keys: the pictures' names in their source.
    skipped: what could not be read while packing.
    live: decodes pictures anew instead of the file; offsets are then their places there.
    reading: see READING.
    value_range: what meant black and white in values of other than 8 bits.
    pixel_hashes: (N,) int64, None in streams and in stores of earlier versions, see `content`.
    """

    folder: Path
    num_bytes: int
    channels: int
    short_side: int
    fingerprint: str
    offsets: Tensor
    heights: Tensor
    widths: Tensor
    labels: Tensor | None
    classes: tuple[str, ...] | None
    keys: Sequence[str]
    skipped: tuple[Skipped, ...]
    live: Live | None = None
    reading: int = READING
    value_range: str | None = None
    pixel_hashes: Tensor | None = None

    def __len__(self) -> int:
        return len(self.offsets)

    def image(self, index: int) -> Tensor:
        """One picture as uint8 (C, H, W), a view of the mapped file in the order (H, W, C)."""
        offset, height, width = (int(column[index]) for column in self._extents)
        if self.live is not None:
            return self.live.image(offset, (height, width))
        end = offset + height * width * self.channels
        # (H * W * C,) -> (H, W, C) -> (C, H, W), all without a copy.
        pixels = self._pixels[offset:end].view(height, width, self.channels)
        return pixels.permute(2, 0, 1)

    def images(self, ids: Tensor) -> Tensor:
        """Copy pictures of one size to uint8 (B, H, W, C) in one go.

        Raises MaskwrightError when sizes differ.
        """
        if self.uniform_size is None:
            raise MaskwrightError(
                "The pictures of this store have different sizes; take them one by one with"
                " image()."
            )
        height, width = self.uniform_size
        size = height * width * self.channels
        # The file as one tensor (pictures, H, W, C); an offset in bytes becomes a row of it.
        pictures = self._pixels.view(-1, height, width, self.channels)
        rows = self.offsets[ids] // size
        return pictures[rows]

    @cached_property
    def uniform_size(self) -> tuple[int, int] | None:
        """(height, width) when all pictures share it and lie in the file, else None."""
        if self.live is not None:
            return None
        height = int(self.heights[0])
        width = int(self.widths[0])
        same_height = self.heights == height  # (N,)
        same_width = self.widths == width
        is_uniform = bool((same_height & same_width).all())
        # A part of a store of mixed sizes may have one size, and yet its file has no such rows.
        size = height * width * self.channels
        starts_a_row = self.offsets % size == 0
        is_aligned = self.num_bytes % size == 0 and bool(starts_a_row.all())
        if is_uniform and is_aligned:
            return height, width
        return None

    def subset(self, ids: Tensor | Sequence[int]) -> PackedStore:
        """The same store with these pictures alone, in this order; their ids count from 0 again."""
        selected = torch.as_tensor(ids, dtype=torch.int64)
        if not len(selected):
            raise MaskwrightError("A subset without pictures cannot be made; name at least one.")
        return dataclasses.replace(
            self,
            # Features and results are cached by fingerprint: other pictures, other name.
            fingerprint=hash_strings(chain([self.fingerprint], _as_text(selected))),
            offsets=self.offsets[selected],
            heights=self.heights[selected],
            widths=self.widths[selected],
            labels=None if self.labels is None else self.labels[selected],
            keys=choose_names(self.keys, selected.numpy()),
            pixel_hashes=None if self.pixel_hashes is None else self.pixel_hashes[selected],
        )

    @cached_property
    def content(self) -> Tensor | None:
        """A hash (N,) int64 of each picture's pixels, equal for exact duplicates.

        None for a stream, which keeps no pixels.
        """
        if self.live is not None or self.pixel_hashes is not None:
            return self.pixel_hashes
        # Stores of earlier versions have no hashes: one pass over the file makes them.
        hashes = []
        for index in range(len(self)):
            picture = self.image(index).permute(1, 2, 0)  # (H, W, C)
            hashes.append(hash_pixels(picture.numpy()))
        return torch.tensor(hashes)

    def pixel_scale(self) -> PixelScale:
        """Measure mean and standard deviation of each channel, for values in [0, 1].

        Over up to about 2,048 pictures spread evenly over the store.
        """
        # Sums of values and of squares, in float64 since millions of pixels are added.
        total = torch.zeros(2, self.channels, dtype=torch.float64)
        count = 0
        step = max(1, len(self) // _SCALE_SAMPLE)
        for index in range(0, len(self), step):
            # (C, H, W) bytes -> (C, H * W) in [0, 1]
            values = self.image(index).flatten(1).double() / 255
            squares = values.square()
            total += torch.stack([values.sum(1), squares.sum(1)])
            count += values.shape[1]
        mean, square = total / count
        # At least one level of 255, so that a channel without contrast divides by no zero.
        # Rounding may take a variance of 0 below it.
        variance = (square - mean.square()).clamp(min=0)
        std = variance.sqrt().clamp(min=1 / 255)
        return PixelScale(tuple(mean.tolist()), tuple(std.tolist()))

    @cached_property
    def _pixels(self) -> Tensor:
        return torch.from_file(
            str(self.folder / PIXELS), shared=False, size=self.num_bytes, dtype=torch.uint8
        )

    @cached_property
    def _extents(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        # One number of a NumPy array is had at a third of the time that a tensor takes.
        return self.offsets.numpy(), self.heights.numpy(), self.widths.numpy()

    def __getstate__(self) -> dict[str, Any]:
        # Workers map the file themselves; pickling must not copy gigabytes of pixels to them.
        return {
            name: value
            for name, value in self.__dict__.items()
            if name not in ("_pixels", "_extents")
        }


def _as_text(ids: Tensor) -> Iterator[str]:
    """Whole numbers (n,) as text, some at a time: Python's own take five times the memory."""
    for part in ids.split(1 << 16):
        yield from map(str, part.tolist())
