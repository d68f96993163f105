"""The packed store: decoded pictures as bytes in one memory-mapped file, opened in an instant and
shared by all workers.
"""

from __future__ import annotations

import dataclasses
import logging
import zipfile
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor

from maskwright.data.store.chunks import damage
from maskwright.data.store.same_picture import hash_pixels
from maskwright.patches.pixels import PixelScale
from maskwright.support.errors import MaskwrightError
from maskwright.support.files import hash_strings, read_json

FORMAT = 1
READING = 2
"""How files become pixels: raised whenever the same file is read as other pixels than before, so
that no store of then is served.
"""
PIXELS, INDEX, FACTS = "pixels.bin", "index.npz", "store.json"
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
    """Pictures ready to use: N of them, (height, width, channels) bytes each, one after another in
    a file that is mapped into memory.

    offsets, heights, widths: (N,) int64.
    labels: (N,) int64 or None.
    keys: the pictures' names in their source.
    skipped: what could not be read while packing.
    live: decodes pictures anew instead of the file, offsets are then their places there.
    reading: see READING.
    value_range: what meant black and white in values of other than 8 bits.
    pixel_hashes: (N,) int64, None in streams and in stores of earlier versions, see `content`.
        Subsets share the file.
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
    keys: tuple[str, ...]
    skipped: tuple[Skipped, ...]
    live: Live | None = None
    reading: int = READING
    value_range: str | None = None
    pixel_hashes: Tensor | None = None

    def __len__(self) -> int:
        return len(self.offsets)

    def image(self, index: int) -> Tensor:
        """One picture as uint8 (C, H, W), a view of the mapped file whose memory order is (H, W,
        C).
        """
        offset, height, width = self._places[index]
        if self.live is not None:
            return self.live.image(offset, (height, width))
        return (
            self._pixels[offset : offset + height * width * self.channels]
            .view(height, width, self.channels)
            .permute(2, 0, 1)
        )

    def images(self, ids: Tensor) -> Tensor:
        """Copy pictures of one size to uint8 (B, H, W, C) in one go; raises MaskwrightError when
        sizes differ.
        """
        if self.uniform_size is None:
            raise MaskwrightError(
                "The pictures of this store have different sizes; take them one by one with"
                " image()."
            )
        height, width = self.uniform_size
        one = height * width * self.channels
        return self._pixels.view(-1, height, width, self.channels)[self.offsets[ids] // one]

    @cached_property
    def uniform_size(self) -> tuple[int, int] | None:
        """(height, width) when all pictures share it and lie in the file, else None."""
        if self.live is not None:
            return None
        height, width = int(self.heights[0]), int(self.widths[0])
        one = height * width * self.channels
        same = bool((self.heights == height).all()) and bool((self.widths == width).all())
        aligned = self.num_bytes % one == 0 and bool(
            (self.offsets % one == 0).all()
        )  # else a part of a store of mixed sizes
        return (height, width) if same and aligned else None

    def subset(self, ids: Tensor | Sequence[int]) -> PackedStore:
        """The same store with these pictures alone, in this order; their ids count from 0 again."""
        chosen = torch.as_tensor(ids, dtype=torch.int64)
        listed = chosen.tolist()
        if not listed:
            raise MaskwrightError("A subset without pictures was asked for.")
        return dataclasses.replace(
            self,
            fingerprint=hash_strings([self.fingerprint, *map(str, listed)]),
            offsets=self.offsets[chosen],
            heights=self.heights[chosen],
            widths=self.widths[chosen],
            labels=None if self.labels is None else self.labels[chosen],
            keys=tuple(self.keys[at] for at in listed),
            pixel_hashes=None if self.pixel_hashes is None else self.pixel_hashes[chosen],
        )

    @cached_property
    def content(self) -> Tensor | None:
        """A hash (N,) int64 of each picture's pixels, equal for exact duplicates; None for a
        stream, which keeps no pixels.
        """
        if self.live is not None or self.pixel_hashes is not None:
            return self.pixel_hashes
        pictures = (self.image(index).permute(1, 2, 0).numpy() for index in range(len(self)))
        return torch.tensor([hash_pixels(picture) for picture in pictures])

    def pixel_scale(self) -> PixelScale:
        """Measure mean and standard deviation of each channel, in [0, 1], over up to 2,048 pictures
        spread evenly over the store.
        """
        total = torch.zeros(2, self.channels, dtype=torch.float64)
        count = 0
        for index in range(0, len(self), max(1, len(self) // _SCALE_SAMPLE)):
            values = self.image(index).flatten(1).double() / 255
            total += torch.stack([values.sum(1), values.square().sum(1)])
            count += values.shape[1]
        mean, square = total / count
        std = (square - mean.square()).clamp(min=0).sqrt().clamp(min=1 / 255)
        return PixelScale(tuple(mean.tolist()), tuple(std.tolist()))

    @cached_property
    def _pixels(self) -> Tensor:
        return torch.from_file(
            str(self.folder / PIXELS), shared=False, size=self.num_bytes, dtype=torch.uint8
        )

    @cached_property
    def _places(self) -> list[tuple[int, int, int]]:
        return list(
            zip(self.offsets.tolist(), self.heights.tolist(), self.widths.tolist(), strict=True)
        )

    def __getstate__(self) -> dict[str, Any]:
        return {
            name: value
            for name, value in self.__dict__.items()
            if name not in ("_pixels", "_places")
        }


def open_packed(folder: Path) -> PackedStore:
    """Open a finished store, after checking its size and checksums (all chunks up to 1 GiB, eight
    spread chunks beyond).

    Raises MaskwrightError when there is none, when it is damaged or when it was written in another
    format.
    """
    if not (folder / FACTS).exists():
        raise MaskwrightError(f"There is no packed store in '{folder}'.")
    facts = read_json(folder / FACTS)
    if facts.get("format") != FORMAT:
        raise MaskwrightError(
            f"The packed store '{folder}' has format {facts.get('format')}, not {FORMAT}; delete it"
            " and it is built again."
        )
    how = damage(folder / PIXELS, facts)
    if how is not None:
        raise _damaged(folder, how)
    index = _read_index(folder)
    return PackedStore(
        folder=folder,
        num_bytes=facts["num_bytes"],
        channels=facts["channels"],
        short_side=facts["short_side"],
        fingerprint=facts["fingerprint"],
        reading=facts.get("reading", 1),
        labels=index.get("labels"),
        classes=None if facts["classes"] is None else tuple(facts["classes"]),
        keys=tuple(facts["keys"]),
        skipped=tuple(Skipped(*one) for one in facts["skipped"]),
        offsets=index["offsets"],
        heights=index["heights"],
        widths=index["widths"],
        value_range=facts.get("value_range"),
        pixel_hashes=index.get("pixel_hashes"),
    )


def _read_index(folder: Path) -> dict[str, Tensor]:
    try:
        with (folder / INDEX).open("rb") as file, np.load(file, allow_pickle=False) as arrays:
            return {name: torch.from_numpy(arrays[name]) for name in arrays.files}
    except (OSError, ValueError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        raise _damaged(folder, f"its index cannot be read: {error}") from error


def _damaged(folder: Path, how: str) -> MaskwrightError:
    return MaskwrightError(
        f"The packed store '{folder}' is damaged: {how}. Delete that folder and it is built again."
    )
