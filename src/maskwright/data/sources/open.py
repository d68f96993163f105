"""Any picture data behind one door, `open_source`; the catalog lists the kinds of sources."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from maskwright.data.pixels.value_range import widest
from maskwright.data.sources import catalog
from maskwright.data.sources.lists import (
    check_names,
    is_label_file,
    read_labels,
    splits_in,
    with_labels,
)
from maskwright.data.sources.locate_path import locate_path
from maskwright.data.sources.picture_files import PictureFiles
from maskwright.data.sources.reading import AS_FOUND, Reading, read_as
from maskwright.data.sources.source import Ranged, Source
from maskwright.data.sources.source_kind import LocatedPath, OpenOptions, SourceKind
from maskwright.data.sources.store_source import StoreSource, open_store
from maskwright.support.errors import MaskwrightError

__all__ = ["Ranged", "Source", "open_together", "open_source", "value_range_of"]


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
        shards (`photos-{000..127}.tar`); Parquet of pictures, a file, folder or
        pattern; a list (.txt, .csv, .tsv); `torchvision:NAME`; rendered
        `shapes-textures:n=2000`; a NumPy array, tensor, torch Dataset or Source.
    split: its train, val or test part.
    labels: a CSV file of file,label (`FILE:COLUMN` for another column), perhaps with a column
        split, which then wins over folders; of Parquet also a column of its own.
    root: where torchvision keeps its files.
    reading: which values mean black and white, and which pages of files are read.

    Raises MaskwrightError when there is nothing to read, with what is there instead, and for a
    label file that leaves pictures out or names others.
    """
    options = OpenOptions(split=split, root=root, ranges=reading.ranges)
    return _apply_reading(_open_labeled(data, labels, options), reading)


def open_together(locations: Sequence[Any], reading: Reading = AS_FOUND) -> list[Source]:
    """Open several places under one range of values.

    A picture then means the same whichever of the places it is named by.
    """
    sources = [open_source(location, reading=reading) for location in locations]
    measured = [source.ranges for source in sources if isinstance(source, Ranged)]
    shared = widest(measured)
    if all(ranges == shared for ranges in measured if ranges):
        return sources
    # Some place was measured narrower than the others: open all again under the widest range.
    alike = replace(reading, value_range=str(shared))
    return [open_source(location, reading=alike) for location in locations]


def value_range_of(source: Source) -> str | None:
    """What means black and white in a source's values, as `Reading` takes it.

    None where all values have 8 bits.
    """
    return (str(source.ranges) or None) if isinstance(source, Ranged) else None


def _apply_reading(source: Source, reading: Reading) -> Source:
    """Apply how files are read; arrays were opened so, and a store holds bytes already."""
    if isinstance(source, PictureFiles):
        return read_as(source, reading)
    if reading.pages == "all":
        raise MaskwrightError(
            f"'{source.name}' is no collection of picture files, so it has no pages; leave out"
            " --pages all."
        )
    if not isinstance(source, StoreSource):
        return source
    if reading.value_range in (None, source.store.value_range):
        return source
    note = (
        f"The store '{source.store.folder}' holds 8-bit values already: the value range"
        f" {reading.value_range} has no effect on it."
    )
    return replace(source, notes=(*source.notes, note))


def _open_labeled(data: Any, labels: str | None, options: OpenOptions) -> Source:
    """Open pictures and give them the labels of a file, if one is named."""
    if labels is None:
        return _open_data(data, options)
    if not is_label_file(labels) and _has_columns(data):
        return _open_data(data, replace(options, column=labels))
    # A column split in the label file wins over folders that are named like splits.
    split_by_file = bool(splits_in(labels))
    by_folder = replace(options, split=None) if split_by_file else options
    source = _open_data(data, by_folder)
    if isinstance(source, StoreSource):
        # A store has the splits of its folders alone, whatever columns the label file has.
        if by_folder.split != options.split:
            source = open_store(source.store.folder, split=options.split)
        return source.with_column(read_labels(source.keys, labels))
    if not isinstance(source, PictureFiles):
        raise MaskwrightError(
            "Labels from a file need pictures with file names; this data is an array. Keep labels"
            " in a .npz file instead."
        )
    # A pattern or a place inside an archive is a part on purpose: there the label file may name
    # other pictures. Everywhere else all that it names must be in the whole data.
    if isinstance(data, (str, os.PathLike)) and Path(data).exists():
        whole: Source = source
        if by_folder.split is not None:
            whole = _open_data(data, replace(options, split=None))
        assert isinstance(whole, PictureFiles)
        check_names(whole.keys, labels, os.fspath(data))
    return with_labels(source, labels, options.split if split_by_file else None)


def _open_data(data: Any, options: OpenOptions) -> Source:
    """Open data by the first kind of the catalog that matches it."""
    if isinstance(data, (str, os.PathLike)):
        return _open_text(os.fspath(data), options)
    # No object knows of splits, so this holds for all kinds of them.
    if options.split is not None:
        raise MaskwrightError(
            f"Data given as {type(data).__name__} has no split '{options.split}'; pass the part"
            " itself."
        )
    kind = catalog.find_kind(data)
    if kind is None:
        *nouns, last = catalog.object_nouns()
        raise MaskwrightError(
            f"Data is a path, {', '.join(nouns)} or {last}; got {type(data).__name__}."
        )
    return kind.open(data, options)


def _has_columns(data: Any) -> bool:
    """Whether labels may stand in a column of the data itself."""
    return isinstance(data, (str, os.PathLike)) and _find_text(os.fspath(data))[0].has_columns


def _open_text(text: str, options: OpenOptions) -> Source:
    kind, place = _find_text(text)
    return kind.open(place, options)


def _find_text(text: str) -> tuple[SourceKind, str | LocatedPath]:
    """The kind of data that a text names, and what that kind opens."""
    if not text.strip():
        raise MaskwrightError(
            "The data is an empty text; give a folder, file or name. The present folder is written"
            " '.'."
        )
    # First as a name, which need not exist on disk; then as a path, which must.
    kind = catalog.find_kind(text)
    if kind is not None:
        return kind, text
    located = locate_path(text, catalog.prefixes())
    kind = catalog.find_kind(located)
    if kind is None:
        *nouns, last = catalog.path_nouns()
        raise MaskwrightError(f"'{located.path}' is neither {', '.join(nouns)} nor {last}.")
    return kind, located
