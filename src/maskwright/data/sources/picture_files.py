"""Many picture files in one place, a folder or an archive, each decoded when it is read."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from io import BytesIO
from itertools import chain
from typing import Protocol

import numpy as np

from maskwright.data.pixels.decode import (
    AS_STORED,
    DecodeOptions,
    UnreadableImage,
    decode_picture,
    picture_size,
)
from maskwright.data.pixels.pixel_values import fit_pixels, to_channels_last
from maskwright.data.pixels.value_range import UNKNOWN, ValueRanges
from maskwright.data.sources.file_sample import measure_ranges, sample_files
from maskwright.data.sources.identity import identity_of
from maskwright.support.array_errors import array_fault


class Storage(Protocol):
    """Where the bytes of files are; may be used by many threads and after a fork."""

    def read_bytes(self, key: str) -> bytes:
        """Return the content of one file; raises OSError when it cannot."""
        ...

    def stamps(self, keys: Sequence[str]) -> Iterable[str]:
        """A stamp of each file's content, as stamp_bytes gives it; empty if it cannot be read."""
        ...


@dataclass(frozen=True, kw_only=True)
class PictureFiles:
    """A source of picture files, each decoded when it is read.

    The fingerprint follows from the fields, so a copy with other keys, labels or values has its
    own.

    name: a short name fit for a folder.
    keys: the name of each picture: its path with forward slashes.
    storage: where the bytes of the files are.
    labels: the class number of each picture, or None.
    classes: the name of each class, or None.
    notes: sentences for people about what was decided while opening.
    splits: the splits that can be chosen.
    sizes: (n, 2) heights and widths, where an index knows them.
    values: what means black and white in files of other than 8 bits; None measures it when it is
        first needed.
    is_deep: whether any file holds values of other than 8 bits, whose range shapes the pixels.
    measured_on: the files that it is measured on, of all splits; the keys when empty.
    files: the file of each key, where a file may hold several pictures; None where keys are files.
    pages: the page of each key in its file, from 0; None where all are first pages.
    label_notes: those of the notes that are about the labels, for whoever needs labels.
    """

    name: str
    keys: Sequence[str]
    storage: Storage
    labels: list[int] | None = None
    classes: list[str] | None = None
    notes: tuple[str, ...] = ()
    splits: tuple[str, ...] = field(default=())
    sizes: np.ndarray | None = None
    values: ValueRanges | None = None
    is_deep: bool = False
    measured_on: Sequence[str] = ()
    files: Sequence[str] | None = None
    pages: Sequence[int] | None = None
    label_notes: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.keys)

    @cached_property
    def fingerprint(self) -> str:
        """The identity of these pictures under these names and labels.

        The first call reads every file that is not yet known.
        """
        # Names belong to the pictures: labels and splits may come from them.
        stamps = self.storage.stamps(self.keys if self.files is None else self.files)
        # One after another: the texts of a hundred million pictures fit no memory.
        contents = (f"{key}\t{stamp}" for key, stamp in zip(self.keys, stamps, strict=True))
        # The same file under another range gives other pixels.
        values = [str(self.values)] if self.is_deep else []
        return identity_of(chain(contents, values), self.labels, self.classes)

    def key(self, index: int) -> str:
        return self.keys[index]

    def read(self, index: int, options: DecodeOptions = AS_STORED) -> np.ndarray:
        """Decode one picture to (H, W, C) uint8; raises UnreadableImage."""
        key = self.keys[index]
        data, page = self._content(index)
        if not key.lower().endswith(".npy"):
            return decode_picture(data, key, options, self.ranges, page)
        # An array is no picture format of Pillow's: it is read and scaled here.
        try:
            array = to_channels_last(_load_array(data))
            return fit_pixels(self.ranges.of(array.dtype).to_bytes(array), options)
        except ValueError as error:
            raise UnreadableImage(key, str(error)) from error

    def size(self, index: int) -> tuple[int, int]:
        """Return (height, width) of one picture as stored, from its header where possible."""
        if self.sizes is not None:
            return int(self.sizes[index, 0]), int(self.sizes[index, 1])
        key = self.keys[index]
        if not key.lower().endswith(".npy"):
            data, page = self._content(index)
            return picture_size(data, key, page)
        return self.read(index).shape[:2]  # the axes of an array are known when it is read

    @cached_property
    def ranges(self) -> ValueRanges:
        """One range for all files: a range for each would change brightness from file to file."""
        if self.values is not None:
            return self.values
        # All splits are measured together, so that train and test are read alike.
        files = sample_files(self.measured_on or self.keys, self.read_bytes)
        return measure_ranges(files, UNKNOWN, f"the files of '{self.name}'")

    def read_bytes(self, file: str) -> bytes:
        """The content of one file; raises UnreadableImage when it cannot be had."""
        try:
            return self.storage.read_bytes(file)
        except OSError as error:
            raise UnreadableImage(file, error.strerror or str(error)) from error

    def _content(self, index: int) -> tuple[bytes, int]:
        """The bytes of the file that a picture is in, and its page there."""
        file = self.keys[index] if self.files is None else self.files[index]
        return self.read_bytes(file), 0 if self.pages is None else self.pages[index]


def _load_array(data: bytes) -> np.ndarray:
    try:
        return np.load(BytesIO(data), allow_pickle=False)
    except (EOFError, OSError, ValueError) as error:
        raise ValueError(f"not a whole .npy file ({array_fault(error)})") from error
