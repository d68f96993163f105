"""Pictures decoded each time they are asked for: for data too large to be packed."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from maskwright.data.pixels.decode import DecodeOptions, UnreadableImage, quiet_pillow
from maskwright.data.pixels.resize import resize_pixels
from maskwright.data.sources.open import Source
from maskwright.data.sources.picture_files import PictureFiles
from maskwright.data.sources.survey import nothing_readable
from maskwright.data.store.packed import PackedStore, Skipped
from maskwright.support.environment import cpu_count
from maskwright.support.errors import MaskwrightError
from maskwright.support.name_column import NameColumn

# What stands in for a picture that cannot be decoded: the middle of 0 to 255.
_GRAY = 128
# Work stops when more than this share is broken, and more than so many: a few damaged files are
# usual in a large collection, more mean that something is wrong with the data.
_MOST_BROKEN = 0.01
_FEWEST_BROKEN = 10
logger = logging.getLogger(__name__)


@dataclass(kw_only=True, eq=False)
class LivePictures:
    """Decodes pictures of a source, at one shrunk size each, when they are needed.

    A picture that turns out to be broken is gray, warned of once and counted; more than 1 % of the
    pictures (and ten) stop the work.
    """

    source: Source
    options: DecodeOptions
    broken: set[int] = field(default_factory=set)

    def image(self, index: int, size: tuple[int, int]) -> Tensor:
        """One picture as uint8 (C, H, W) of this (height, width); its memory order is (H, W, C)."""
        try:
            with quiet_pillow():
                pixels = self.source.read(index, self.options)
        except UnreadableImage as error:
            self._count(index, error)
            pixels = np.full((*size, self.options.channels or 3), _GRAY, np.uint8)
        # JPEG's fast decoding may land a pixel beside the size that the header promises.
        exact = resize_pixels(pixels, size)
        # Memory of decoders may be read-only, of which PyTorch would warn.
        writable = exact if exact.flags.writeable else exact.copy()
        return torch.from_numpy(writable).permute(2, 0, 1)  # (H, W, C) -> (C, H, W)

    def _count(self, index: int, error: UnreadableImage) -> None:
        # Every epoch meets the picture again; one warning is enough.
        if index not in self.broken:
            self.broken.add(index)
            logger.warning("%s Gray stands in for it.", error)
        if len(self.broken) > max(_FEWEST_BROKEN, _MOST_BROKEN * len(self.source)):
            raise MaskwrightError(
                f"{len(self.broken):,} of {len(self.source):,} pictures cannot be decoded, the"
                f" last: {error} Check the data."
            )


def stream(source: Source, *, short_side: int, channels: int = 3) -> PackedStore:
    """A store that keeps no pixels: every picture is decoded anew.

    Only sizes, labels and keys are in memory. Sizes come from the
    headers, read on all cores where the source has not indexed them; broken headers are skipped and
    listed. Raises MaskwrightError when nothing is readable.
    """
    sizes, skipped = _sizes(source)
    if not len(sizes[0]):
        first = UnreadableImage(skipped[0].key, skipped[0].reason)
        raise MaskwrightError(nothing_readable(source.name, len(source), first))
    ids, heights, widths = (torch.from_numpy(column) for column in sizes)
    # The shorter side becomes `short_side`; smaller pictures are not enlarged.
    factor = (short_side / torch.minimum(heights, widths).double()).clamp(max=1)
    labels = None
    if source.labels is not None:
        labels = torch.tensor(source.labels, dtype=torch.int64)[ids]
    return PackedStore(
        # There is no file of pixels: `live` stands in for it, and offsets count its pictures.
        folder=Path(),
        num_bytes=0,
        channels=channels,
        short_side=short_side,
        fingerprint=source.fingerprint,
        offsets=ids,
        heights=_shrunk(heights, factor),
        widths=_shrunk(widths, factor),
        labels=labels,
        classes=None if source.classes is None else tuple(source.classes),
        keys=_keys(source, ids),
        skipped=tuple(skipped),
        live=LivePictures(
            source=source, options=DecodeOptions(channels=channels, short_side=short_side)
        ),
    )


def _keys(source: Source, ids: Tensor) -> Sequence[str]:
    """The names of some pictures (n,); those of an index stay on disk."""
    if isinstance(source, PictureFiles) and isinstance(source.keys, NameColumn):
        is_whole = len(ids) == len(source)
        return source.keys if is_whole else source.keys.chosen(ids.numpy())
    return tuple(source.key(index) for index in ids.tolist())


def _sizes(source: Source) -> tuple[list[np.ndarray], list[Skipped]]:
    """Index, height and width, each (n,) int64, of every picture whose header can be read."""
    # Sources that have an index know the sizes; no header needs to be read.
    if isinstance(source, PictureFiles) and source.sizes is not None:
        heights, widths = (source.sizes[:, axis].astype(np.int64) for axis in (0, 1))
        return [np.arange(len(source)), heights, widths], []
    # Reading headers waits for the disk most of the time, so threads are enough.
    with quiet_pillow(), ThreadPoolExecutor(cpu_count()) as pool:
        results = list(pool.map(lambda index: _size(source, index), range(len(source))))
    rows: list[tuple[int, int, int]] = []
    skipped: list[Skipped] = []
    for index, result in enumerate(results):
        if isinstance(result, Skipped):
            skipped.append(result)
        else:
            rows.append((index, *result))
    columns = np.array(rows, dtype=np.int64).reshape(-1, 3).T
    return list(np.ascontiguousarray(columns)), skipped


def _size(source: Source, index: int) -> tuple[int, int] | Skipped:
    try:
        return source.size(index)
    except UnreadableImage as error:
        return Skipped(error.key, error.reason)


def _shrunk(sides: Tensor, factor: Tensor) -> Tensor:
    return (sides * factor).round().clamp(min=1).long()
