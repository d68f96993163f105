"""Many picture files in one place, a folder or an archive: their keys, labels read from the folders
they sit in, splits.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from io import BytesIO
from pathlib import PurePosixPath
from typing import Protocol

import numpy as np

from maskwright.data.pixels.decode import (
    AS_STORED,
    UnreadableImage,
    Wanted,
    decode_picture,
    picture_size,
)
from maskwright.data.pixels.pixel_values import fit_pixels, to_channels_last
from maskwright.data.pixels.value_range import UNKNOWN, ValueRanges
from maskwright.data.sources.file_sample import look_at, measure_ranges
from maskwright.data.sources.globs import matcher
from maskwright.data.sources.identity import identity_of
from maskwright.data.sources.unread_files import describe_unread, nothing_found
from maskwright.support.errors import MaskwrightError

PICTURE_EXTENSIONS = frozenset(
    {"jpg", "jpeg", "jpe", "jfif", "png", "apng", "webp", "bmp", "dib", "gif", "tif", "tiff"}
    | {"ppm", "pgm", "pbm", "pnm", "jp2", "avif", "ico", "tga", "npy"}
)
SPLITS = {
    "train": ("train", "training"),
    "val": ("val", "valid", "validation"),
    "test": ("test", "testing"),
}


@dataclass(frozen=True)
class Entry:
    """One file of a folder or archive: its path inside with forward slashes."""

    key: str


class Storage(Protocol):
    """Where the bytes of files are; may be used by many threads and after a fork."""

    def read_bytes(self, key: str) -> bytes:
        """Return the content of one file; raises OSError when it cannot."""
        ...

    def stamps(self, keys: Sequence[str]) -> list[str]:
        """A stamp of each file's content, as stamp_bytes gives it; empty for a file that cannot be
        read.
        """
        ...


@dataclass(frozen=True, kw_only=True)
class PictureFiles:
    """A source of picture files, each decoded when it is read.

    sizes: (n, 2) heights and widths where an index knows them.
    values: what means black and white in files of other than 8 bits, by default measured when first
        needed.
    measured_on: the files that it is measured on, of all splits; files and pages: the file and the
        page, from 0, of each key where a file may hold several pictures.
    label_notes: what is odd about the labels, for whoever needs them; they stand among the notes
        too. The fingerprint follows from the other fields, so a copy with other keys, labels or
        values has its own.
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
    measured_on: Sequence[str] = ()
    files: Sequence[str] | None = None
    pages: Sequence[int] | None = None
    label_notes: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.keys)

    @cached_property
    def fingerprint(self) -> str:
        """The identity of these pictures under these names and labels; the first call reads every
        file that is not yet known.
        """
        stamps = self.storage.stamps(self.keys if self.files is None else self.files)
        contents = [f"{key}\t{stamp}" for key, stamp in zip(self.keys, stamps, strict=True)]
        # The same file under another range gives other pixels.
        values = [str(self.values)] if self.values else []
        return identity_of([*contents, *values], self.labels, self.classes)

    def key(self, index: int) -> str:
        return self.keys[index]

    def read(self, index: int, wanted: Wanted = AS_STORED) -> np.ndarray:
        """Decode one picture to (H, W, C) uint8; raises UnreadableImage."""
        key = self.keys[index]
        data, page = self._content(index)
        if not key.lower().endswith(".npy"):
            return decode_picture(data, key, wanted, self.ranges, page)
        try:
            array = to_channels_last(_load_array(data))
            return fit_pixels(self.ranges.of(array.dtype).to_bytes(array), wanted)
        except ValueError as error:
            raise UnreadableImage(key, str(error)) from error

    def size(self, index: int) -> tuple[int, int]:
        """Return (height, width) of one picture as stored, reading no more than its header where
        the format allows.
        """
        if self.sizes is not None:
            return int(self.sizes[index, 0]), int(self.sizes[index, 1])
        key = self.keys[index]
        if not key.lower().endswith(".npy"):
            data, page = self._content(index)
            return picture_size(data, key, page)
        return self.read(index).shape[:2]

    @cached_property
    def ranges(self) -> ValueRanges:
        """One range for all files: a range for each would change brightness from file to file."""
        if self.values is not None:
            return self.values
        looks = look_at(self.measured_on or self.keys, self.read_bytes)
        return measure_ranges(looks, UNKNOWN, f"the files of '{self.name}'")

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


def collect(
    entries: Iterable[Entry],
    storage: Storage,
    *,
    place: str,
    name: str,
    split: str | None,
    pattern: str | None,
) -> PictureFiles:
    """Build a source from the files of a folder or archive: keep pictures, match the pattern, pick
    the split, read labels from folders.

    Raises MaskwrightError when no picture is left, saying what was found instead.
    """
    files = sorted(
        (entry for entry in entries if not _hidden(entry.key)), key=lambda entry: entry.key
    )
    is_wanted = matcher(pattern) if pattern is not None else lambda key: True
    matching = [entry for entry in files if is_wanted(entry.key)]
    pictures = [entry for entry in matching if extension(entry.key) in PICTURE_EXTENSIONS]
    if not pictures:
        raise MaskwrightError(nothing_found(place, pattern, [entry.key for entry in matching]))
    every = [entry.key for entry in pictures]
    unread = {entry.key for entry in matching} - set(every)
    splits, root = find_splits(every)
    notes: tuple[str, ...] = ()
    if split is not None:
        folder = pick_split(split, splits, place)
        pictures = [entry for entry in pictures if entry.key.startswith(f"{root}{folder}/")]
        notes = (f"'{place}' holds {_spoken(splits)}: using {folder}/.",)
    elif splits:
        notes = (f"'{place}' holds {_spoken(splits)}: using all; choose one with split.",)
    keys = [entry.key for entry in pictures]
    labels, classes = labels_from_folders(keys, root, bool(splits))
    return PictureFiles(
        name=name,
        keys=keys,
        storage=storage,
        labels=labels,
        classes=classes,
        notes=notes + describe_unread(sorted(unread)),
        splits=splits,
        measured_on=every,
    )


def labels_from_folders(
    keys: Sequence[str], root: str, below_split: bool
) -> tuple[list[int] | None, list[str] | None]:
    """Number the folder below `root` (and below the split) that each picture sits in; none when
    they sit loose or in one folder.
    """
    parts = [key[len(root) :].split("/")[int(below_split) :] for key in keys]
    if any(len(part) < 2 for part in parts):
        return None, None
    classes = sorted({part[0] for part in parts})
    if len(classes) < 2:
        return None, None
    number = {label: at for at, label in enumerate(classes)}
    return [number[part[0]] for part in parts], classes


def lone_folder(keys: Sequence[str]) -> str | None:
    """The name of the one folder that all pictures lie in; None for loose pictures, several
    folders, and a folder named like a split.
    """
    shared = {key.rpartition("/")[0] for key in keys}
    name = PurePosixPath(shared.pop()).name if len(shared) == 1 else ""
    return name if name and _split_of(name) is None else None


def find_splits(keys: Sequence[str]) -> tuple[tuple[str, ...], str]:
    """The top folders of the pictures, if they are all named like splits, and the folder above
    them.
    """
    root = _shared_folder(list(keys))
    return _splits([key[len(root) :] for key in keys]), root


def extension(key: str) -> str:
    """Return a file's extension in lower case without its dot."""
    return PurePosixPath(key).suffix[1:].lower()


def slug(text: str) -> str:
    """Make a short name fit for a folder, in letters of any script: 'My Photos (2)' gives
    'my-photos-2'.
    """
    return (
        re.sub(r"[\W_]+", "-", unicodedata.normalize("NFC", text).lower()).strip("-")[:40] or "data"
    )


def _load_array(data: bytes) -> np.ndarray:
    try:
        return np.load(BytesIO(data), allow_pickle=False)
    except (EOFError, OSError) as error:
        raise ValueError(f"not a whole .npy file ({error})") from error


def _hidden(key: str) -> bool:
    return any(part.startswith(".") or part == "__MACOSX" for part in key.split("/"))


def _shared_folder(keys: list[str]) -> str:
    """The folders that all keys begin with, up to a folder named like a split: 'photos/' in
    photos/a/1.jpg, photos/b/2.jpg.
    """
    shared = keys[0].split("/")[:-1]
    for key in keys:
        folders = key.split("/")[:-1]
        same = next(
            (at for at, (one, two) in enumerate(zip(shared, folders, strict=False)) if one != two),
            min(len(shared), len(folders)),
        )
        shared = shared[:same]
    kept = next((at for at, folder in enumerate(shared) if _split_of(folder)), len(shared))
    return "".join(f"{folder}/" for folder in shared[:kept])


def _split_of(folder: str) -> str | None:
    return next((split for split, names in SPLITS.items() if folder.lower() in names), None)


def _splits(keys: list[str]) -> tuple[str, ...]:
    """The top folders, if they are all named like splits."""
    return order_splits({key.split("/")[0] if "/" in key else "" for key in keys})


def order_splits(names: set[str]) -> tuple[str, ...]:
    """Names of splits, train first, then val and test; none unless all are named so."""
    order = list(SPLITS)
    return (
        tuple(sorted(names, key=lambda name: (order.index(_split_of(name) or ""), name)))
        if all(map(_split_of, names))
        else ()
    )


def pick_split(split: str, splits: tuple[str, ...], place: str) -> str:
    """The top folder that a split's name stands for; raises MaskwrightError when there is none."""
    for folder in splits:
        if split == folder or split in SPLITS.get(_split_of(folder) or "", ()):
            return folder
    found = (
        f"its splits are {', '.join(splits)}"
        if splits
        else "its top folders are not named train, val or test"
    )
    raise MaskwrightError(f"'{place}' has no split '{split}': {found}.")


def _spoken(splits: tuple[str, ...]) -> str:
    return " and ".join(f"{folder}/" for folder in splits)
