"""Many picture files in one place, a folder or an archive: their keys, labels read from the folders they sit in, splits."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from io import BytesIO
from pathlib import PurePosixPath
from typing import Protocol

import numpy as np

from maskwright.data.decode import AS_STORED, UnreadableImage, Wanted, decode_picture, picture_size
from maskwright.data.pixel_values import ValueRange, fit_pixels, measure_range, to_channels_last
from maskwright.support.errors import MaskwrightError
from maskwright.support.files import hash_strings

PICTURE_EXTENSIONS = frozenset(
    {"jpg", "jpeg", "jpe", "jfif", "png", "apng", "webp", "bmp", "dib", "gif", "tif", "tiff"}
    | {"ppm", "pgm", "pbm", "pnm", "jp2", "avif", "ico", "tga", "npy"}
)
_LOOKED_FOR = "jpg jpeg png webp bmp gif tif npy ..."
SPLITS = {
    "train": ("train", "training"),
    "val": ("val", "valid", "validation"),
    "test": ("test", "testing"),
}
_RANGE_SAMPLE = 64


@dataclass(frozen=True)
class Entry:
    """One file of a folder or archive: its path inside with forward slashes, and a stamp that changes when its content does."""

    key: str
    stamp: str


class Storage(Protocol):
    """Where the bytes of files are; may be used by many threads and after a fork."""

    def read_bytes(self, key: str) -> bytes:
        """Return the content of one file; raises OSError when it cannot."""
        ...


@dataclass(frozen=True, kw_only=True)
class PictureFiles:
    """A source of picture files, each decoded when it is read; sizes: (n, 2) heights and widths where an index knows them.

    label_notes: what is odd about the labels, for whoever needs them; they stand among the notes too.
    """

    name: str
    keys: Sequence[str]
    storage: Storage
    fingerprint: str
    labels: list[int] | None = None
    classes: list[str] | None = None
    notes: tuple[str, ...] = ()
    splits: tuple[str, ...] = field(default=())
    sizes: np.ndarray | None = None
    label_notes: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.keys)

    def key(self, index: int) -> str:
        return self.keys[index]

    def read(self, index: int, wanted: Wanted = AS_STORED) -> np.ndarray:
        """Decode one picture to (H, W, C) uint8; raises UnreadableImage."""
        key = self.keys[index]
        data = self._bytes(key)
        if not key.lower().endswith(".npy"):
            return decode_picture(data, key, wanted)
        try:
            return fit_pixels(
                self._array_range.to_bytes(to_channels_last(_load_array(data))), wanted
            )
        except ValueError as error:
            raise UnreadableImage(key, str(error)) from error

    def size(self, index: int) -> tuple[int, int]:
        """Return (height, width) of one picture as stored, reading no more than its header where the format allows."""
        if self.sizes is not None:
            return int(self.sizes[index, 0]), int(self.sizes[index, 1])
        key = self.keys[index]
        if not key.lower().endswith(".npy"):
            return picture_size(self._bytes(key), key)
        return self.read(index).shape[:2]

    def _bytes(self, key: str) -> bytes:
        try:
            return self.storage.read_bytes(key)
        except OSError as error:
            raise UnreadableImage(key, error.strerror or str(error)) from error

    @cached_property
    def _array_range(self) -> ValueRange:
        """The range that the .npy files share, seen in a sample of them: a range per file would change brightness from file to file."""
        arrays = [key for key in self.keys if key.lower().endswith(".npy")]
        sample = []
        for key in arrays[:: max(1, len(arrays) // _RANGE_SAMPLE)]:
            try:
                sample.append(_load_array(self._bytes(key)))
            except (ValueError, UnreadableImage):
                continue  # this file is reported when it is read itself
        return measure_range(sample, f"the .npy files of '{self.name}'")


def collect(
    entries: Iterable[Entry],
    storage: Storage,
    *,
    place: str,
    name: str,
    split: str | None,
    pattern: str | None,
) -> PictureFiles:
    """Build a source from the files of a folder or archive: keep pictures, match the pattern, pick the split, read labels from folders.

    Raises MaskwrightError when no picture is left, saying what was found instead.
    """
    files = sorted(
        (entry for entry in entries if not _hidden(entry.key)), key=lambda entry: entry.key
    )
    matching = files if pattern is None else _matching(files, pattern)
    pictures = [entry for entry in matching if extension(entry.key) in PICTURE_EXTENSIONS]
    if not pictures:
        raise MaskwrightError(_nothing_found(place, pattern, matching))
    splits, root = find_splits([entry.key for entry in pictures])
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
        fingerprint=hash_strings(f"{entry.key}\t{entry.stamp}" for entry in pictures),
        labels=labels,
        classes=classes,
        notes=notes,
        splits=splits,
    )


def labels_from_folders(
    keys: Sequence[str], root: str, below_split: bool
) -> tuple[list[int] | None, list[str] | None]:
    """Number the folder below `root` (and below the split) that each picture sits in; none when they sit loose or in one folder."""
    parts = [key[len(root) :].split("/")[int(below_split) :] for key in keys]
    if any(len(part) < 2 for part in parts):
        return None, None
    classes = sorted({part[0] for part in parts})
    if len(classes) < 2:
        return None, None
    number = {label: at for at, label in enumerate(classes)}
    return [number[part[0]] for part in parts], classes


def lone_folder(keys: Sequence[str]) -> str | None:
    """The name of the one folder that all pictures lie in; None for loose pictures, several folders, and a folder named like a split."""
    shared = {key.rpartition("/")[0] for key in keys}
    name = PurePosixPath(shared.pop()).name if len(shared) == 1 else ""
    return name if name and _split_of(name) is None else None


def find_splits(keys: Sequence[str]) -> tuple[tuple[str, ...], str]:
    """The top folders of the pictures, if they are all named like splits, and the folder above them."""
    root = _shared_folder(list(keys))
    return _splits([key[len(root) :] for key in keys]), root


def extension(key: str) -> str:
    """Return a file's extension in lower case without its dot."""
    return PurePosixPath(key).suffix[1:].lower()


def slug(text: str) -> str:
    """Make a short name fit for a folder, in letters of any script: 'My Photos (2)' gives 'my-photos-2'."""
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


def _matching(entries: list[Entry], pattern: str) -> list[Entry]:
    """Keep keys that match: * and ? stay inside one folder, ** spans folders, a plain folder name takes all that is below it."""
    plain = not re.search(r"[*?\[]", pattern)
    tokens = re.split(r"(\*\*/|\*\*|\*|\?|\[[^]]+\])", pattern.rstrip("/") + "/**" * plain)
    spelled = {"**/": "(?:.*/)?", "**": ".*", "*": "[^/]*", "?": "[^/]", "": ""}
    rule = "".join(
        spelled[part] if part in spelled else part if part.startswith("[") else re.escape(part)
        for part in tokens
    )
    shape = re.compile(rule)
    return [
        entry for entry in entries if shape.fullmatch(entry.key) or (plain and entry.key == pattern)
    ]


def _shared_folder(keys: list[str]) -> str:
    """The folders that all keys begin with, up to a folder named like a split: 'photos/' in photos/a/1.jpg, photos/b/2.jpg."""
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


def _nothing_found(place: str, pattern: str | None, entries: list[Entry]) -> str:
    where = f"'{place}'" + (f" matching '{pattern}'" if pattern else "")
    if not entries:
        return f"No pictures found in {where}: there are no files. Check the path."
    counts = Counter(
        f".{extension(entry.key)}" if extension(entry.key) else "without extension"
        for entry in entries
    )
    found = ", ".join(f"{count:,} {kind}" for kind, count in counts.most_common(4))
    packed = next((kind for kind in ("tar", "zip") if counts[f".{kind}"]), None)
    way = (
        f"Name them by a pattern: '{place.rstrip('/')}/*.{packed}'"
        if packed == "tar"
        else "Convert them, for example to png"
    )
    way = f"Name one of them: {place.rstrip('/')}/NAME.zip" if packed == "zip" else way
    return f"No pictures found in {where} (looked for {_LOOKED_FOR}; found {found}). {way}, or give another place."
