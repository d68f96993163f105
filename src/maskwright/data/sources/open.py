"""Any picture data behind one door, `open_source`: a folder, prepared store, array, archive, list,
torchvision set, Python object.
"""

from __future__ import annotations

import difflib
import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import numpy as np
import torch

from maskwright.data.pixels.decode import AS_STORED, Wanted
from maskwright.data.pixels.value_range import ValueRanges, widest
from maskwright.data.rendered.shapes_textures import is_shapes_textures, open_shapes_textures
from maskwright.data.sources.archives import is_archive, open_archive
from maskwright.data.sources.arrays import build_array_source, open_array_file
from maskwright.data.sources.folder import open_folder
from maskwright.data.sources.globs import is_pattern
from maskwright.data.sources.lists import (
    LIST_ENDINGS,
    check_names,
    open_list,
    read_labels,
    splits_in,
    with_labels,
)
from maskwright.data.sources.picture_files import PICTURE_EXTENSIONS, PictureFiles, extension
from maskwright.data.sources.reading import AS_FOUND, Reading, read_as
from maskwright.data.sources.shards import is_shards, open_shards
from maskwright.data.sources.store_source import StoreSource, is_store, open_store
from maskwright.data.sources.torch_datasets import DatasetSource
from maskwright.data.sources.torchvision_sets import open_torchvision
from maskwright.support.errors import MaskwrightError

_TORCHVISION = "torchvision:"


@runtime_checkable
class Source(Protocol):
    """Pictures that can be read one by one, in any order, from any thread."""

    @property
    def name(self) -> str:
        """A short name fit for a folder."""

    @property
    def labels(self) -> list[int] | None:
        """The class number of each picture, or None."""

    @property
    def classes(self) -> list[str] | None:
        """The name of each class, or None."""

    @property
    def fingerprint(self) -> str:
        """A hash that changes when any picture, name or label does, or their order, and not with
        dates or places; the first call may read everything.
        """

    @property
    def notes(self) -> tuple[str, ...]:
        """Sentences about what was decided while opening, for people."""

    @property
    def splits(self) -> tuple[str, ...]:
        """The splits that can be asked for, if any."""

    def __len__(self) -> int: ...

    def key(self, index: int) -> str:
        """The name of one picture for reports."""

    def size(self, index: int) -> tuple[int, int]:
        """(height, width) of one picture as stored; raises UnreadableImage."""

    def read(self, index: int, wanted: Wanted = AS_STORED) -> np.ndarray:
        """One picture as (H, W, C) uint8; raises UnreadableImage."""


@runtime_checkable
class Ranged(Protocol):
    """A source that knows what means black and white in its values."""

    @property
    def ranges(self) -> ValueRanges: ...


def open_source(
    data: Any,
    *,
    split: str | None = None,
    labels: str | None = None,
    root: Path | None = None,
    reading: Reading = AS_FOUND,
) -> Source:
    """Open pictures, whatever they are kept in.

    data: a folder of pictures or one that `maskwright prepare` wrote; a .npy/.npz file; a .zip/.tar
        file or a place inside one (`x.zip/train`, `x.zip/*/*.webp`); a glob pattern; WebDataset
        shards (`photos-{000..127}.tar`); a list (.txt, .csv, .tsv); `torchvision:NAME`; rendered
        `shapes-textures:n=2000`; a NumPy array, tensor, torch Dataset or Source.
    split: its train, val or test part.
    labels: a CSV file of file,label (`FILE:COLUMN` for another column), perhaps with a column
        split, which then wins over folders.
    root: where torchvision keeps its files.
    reading: which values mean black and white, and which pages of files are read.

    Raises MaskwrightError when there is nothing to read, with what was found instead, and for a
    label file that leaves pictures out or names others.
    """
    return _read_so(_open_labeled(data, split, labels, root, reading), reading)


def open_alike(places: Sequence[Any], reading: Reading = AS_FOUND) -> list[Source]:
    """Open several places under one range of values, so that a picture means the same whichever of
    them it is named by.
    """
    sources = [open_source(place, reading=reading) for place in places]
    measured = [source.ranges for source in sources if isinstance(source, Ranged)]
    shared = widest(measured)
    if all(one == shared for one in measured if one):
        return sources
    alike = replace(reading, value_range=str(shared))
    return [open_source(place, reading=alike) for place in places]


def value_range_of(source: Source) -> str | None:
    """What means black and white in the values of a source, as `Reading` takes it; None where all
    have 8 bits.
    """
    return (str(source.ranges) or None) if isinstance(source, Ranged) else None


def _read_so(source: Source, reading: Reading) -> Source:
    """Apply how files are read; arrays were opened so, and a store holds bytes already."""
    if isinstance(source, PictureFiles):
        return read_as(source, reading)
    if reading.pages == "all":
        raise MaskwrightError(
            f"'{source.name}' is no collection of picture files, so it has no pages; leave out"
            " --pages all."
        )
    if isinstance(source, StoreSource) and reading.value_range not in (
        None,
        source.store.value_range,
    ):
        note = (
            f"The store '{source.store.folder}' holds 8-bit values already: the value range"
            f" {reading.value_range} has no effect on it."
        )
        return replace(source, notes=(*source.notes, note))
    return source


def _open_labeled(
    data: Any, split: str | None, labels: str | None, root: Path | None, reading: Reading
) -> Source:
    """Open pictures and give them the labels of a file."""
    by_file = labels is not None and bool(splits_in(labels))  # a column split wins over folders
    own = None if by_file else split
    source = (
        _open_text(os.fspath(data), own, root, reading.ranges)
        if isinstance(data, (str, os.PathLike))
        else _open_object(data, own, reading.ranges)
    )
    if labels is None:
        return source
    if isinstance(source, StoreSource):
        source = (
            source if own == split else open_store(source.store.folder, split=split)
        )  # a store has the splits of its folders alone
        return source.with_column(read_labels(source.keys, labels))
    if not isinstance(source, PictureFiles):
        raise MaskwrightError(
            "Labels from a file need pictures with file names; this data is an array. Keep labels"
            " in a .npz file instead."
        )
    if (
        isinstance(data, (str, os.PathLike)) and Path(data).exists()
    ):  # a pattern or a place inside an archive is a part on purpose
        whole = source if own is None else _open_text(os.fspath(data), None, root, reading.ranges)
        assert isinstance(whole, PictureFiles)
        check_names(whole.keys, labels, os.fspath(data))
    return with_labels(source, labels, split if by_file else None)


def _open_object(data: Any, split: str | None, ranges: ValueRanges) -> Source:
    if split is not None:
        raise MaskwrightError(
            f"Data given as {type(data).__name__} has no split '{split}'; pass the part itself."
        )
    if isinstance(data, Source):
        return data
    if isinstance(data, torch.Tensor):
        return build_array_source(data.detach().cpu().numpy(), "tensor", stated=ranges)
    if isinstance(data, np.ndarray):
        return build_array_source(data, "array", stated=ranges)
    if isinstance(data, torch.utils.data.Dataset):
        return DatasetSource(data, stated=ranges)
    raise MaskwrightError(
        f"Data is a path, an array, a tensor or a torch Dataset; got {type(data).__name__}."
    )


def _open_text(text: str, split: str | None, root: Path | None, ranges: ValueRanges) -> Source:
    if not text.strip():
        raise MaskwrightError(
            "The data is an empty text; give a folder, file or name. The present folder is written"
            " '.'."
        )
    if text.startswith(_TORCHVISION):
        return open_torchvision(text.removeprefix(_TORCHVISION), split=split, root=root)
    if is_shapes_textures(text):
        return open_shapes_textures(text, split)
    if is_shards(text):
        if split is not None:
            raise MaskwrightError(
                f"Shards have no split '{split}'; name the shards of that split alone, e.g."
                " train-{000..127}.tar."
            )
        return open_shards(text)
    path, pattern = _locate(text)
    if path.is_dir() and pattern is None and is_store(path):
        return open_store(path, split=split)
    if path.is_dir():
        return open_folder(path, split=split, pattern=pattern)
    if is_archive(path):
        return open_archive(path, split=split, pattern=pattern)
    kind = extension(path.name)
    if kind in ("npy", "npz"):
        return open_array_file(path, split=split, stated=ranges)
    if f".{kind}" in LIST_ENDINGS:
        return open_list(path, split=split)
    if kind in PICTURE_EXTENSIONS:
        return open_folder(path.parent, pattern=path.name)
    raise MaskwrightError(
        f"'{path}' is neither a folder, an archive (.zip .tar), an array (.npy .npz) nor a list"
        " (.txt .csv)."
    )


def _locate(text: str) -> tuple[Path, str | None]:
    """Cut a text into a folder or file that exists and what to look for inside it."""
    path = Path(text).expanduser()
    if path.exists():
        return path, None
    head = next((parent for parent in path.parents if parent.exists()), Path())
    rest = path.relative_to(head).as_posix()
    if (head.is_file() and is_archive(head)) or (head.is_dir() and is_pattern(rest)):
        return head, rest
    raise MaskwrightError(f"There is no file or folder '{text}'.{_hint(text, head, rest)}")


def _hint(text: str, head: Path, rest: str) -> str:
    word, colon, name = text.partition(":")
    kinds = ("torchvision", "shapes-textures")
    if colon and difflib.get_close_matches(word.lower(), kinds, n=1, cutoff=0.6):
        return (
            " Did you mean"
            f" '{difflib.get_close_matches(word.lower(), kinds, n=1, cutoff=0.6)[0]}:{name}'?"
        )
    near = difflib.get_close_matches(rest.split("/")[0], _names_in(head), n=1, cutoff=0.6)
    return f" Did you mean '{head / near[0]}'?" if near else ""


def _names_in(folder: Path) -> list[str]:
    try:
        return os.listdir(folder)
    except OSError:
        return []  # only used for a suggestion
