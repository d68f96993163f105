"""Pictures in Parquet files, as Hugging Face writes them: bytes, or struct{bytes, path}."""

from __future__ import annotations

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from maskwright.data.pixels.decode import quiet_pillow
from maskwright.data.sources.folder_splits import pick_split
from maskwright.data.sources.globs import is_pattern
from maskwright.data.sources.index_cache import Arrays
from maskwright.data.sources.label_column import UNLABELED, read_column
from maskwright.data.sources.parquet_file import (
    Columns,
    index_parquet,
    load_parquet,
    read_columns,
    read_labels,
)
from maskwright.data.sources.parquet_places import (
    ENDING,
    expand_pattern,
    name_of,
    paths_of,
    split_of,
    splits_of,
)
from maskwright.data.sources.parquet_rows import ParquetStorage
from maskwright.data.sources.picture_files import PictureFiles
from maskwright.data.sources.source_kind import LocatedPath, OpenOptions, SourceKind
from maskwright.data.sources.table_file import LABEL_COLUMNS
from maskwright.support.environment import cpu_count
from maskwright.support.errors import MaskwrightError, did_you_mean
from maskwright.support.plurals import count_of

_EXAMPLES = 3  # names in a message


@dataclass(frozen=True)
class _Shards:
    """Parquet files with the same column of pictures.

    paths: the files, in the order of names.
    names: their paths below the folder that all share.
    columns: of the first of them, and of the others where they have these.
    image: the column of the pictures.
    location: the data as it was given, for messages.
    """

    paths: Sequence[Path]
    names: Sequence[str]
    columns: Columns
    image: str
    location: str


def open_parquets(paths: Sequence[Path], location: str, options: OpenOptions) -> PictureFiles:
    """Open Parquet files as one source, in the order of their names.

    Labels come from the column that `options.column` names, else from one of class numbers, else
    from one called label or class. Each file is read once, to write its index into the cache.
    Raises MaskwrightError for files without a column of pictures, before any picture is decoded.
    """
    load_parquet()
    shards = _look_at(paths, location)
    column = _pick_label(shards, options.column)
    splits = [split_of(name) for name in shards.names]
    known = splits_of(splits)
    chosen = list(range(len(paths)))
    if options.split is not None:
        split = pick_split(options.split, known, location)
        chosen = [at for at in chosen if splits[at] == split]

    with quiet_pillow(), ThreadPoolExecutor(cpu_count()) as pool:
        indexes = list(pool.map(lambda at: index_parquet(paths[at], shards.image), chosen))
    source = _build(shards, chosen, indexes, known)
    if column is None:
        return source
    # Labels of all files are read, so that a split's classes are numbered as those of the whole.
    cells = [read_labels(path, column) for path in paths]
    return _label(source, shards, column, cells)


def _look_at(paths: Sequence[Path], location: str) -> _Shards:
    """Find the column of pictures that all files have; raises MaskwrightError without one."""
    root = Path(os.path.commonpath([path.parent for path in paths]))
    names = [path.relative_to(root).as_posix() for path in paths]
    first = read_columns(paths[0])
    if not first.images:
        raise MaskwrightError(
            f"'{paths[0]}' holds no pictures: its columns are {first.listed}. Pictures in Parquet"
            " are a column of bytes, or of struct{bytes, path} as Hugging Face writes it."
        )
    image = first.images[0]
    for path in paths[1:]:
        columns = read_columns(path)
        if image not in columns.images:
            raise MaskwrightError(
                f"'{path}' has no column '{image}' of pictures, as '{paths[0]}' has; its columns"
                f" are {columns.listed}. Name files of one kind alone."
            )
    return _Shards(paths, names, first, image, location)


def _pick_label(shards: _Shards, wanted: str | None) -> str | None:
    """The column of labels; None where no column looks like one."""
    columns = shards.columns
    known = [*columns.classes, *columns.others]
    if wanted is not None:
        if wanted not in known:
            raise MaskwrightError(
                f"'{shards.location}' has no column of labels '{wanted}', and there is no such"
                f" file.{did_you_mean(wanted, known)} Its columns: {columns.listed}."
            )
        return wanted
    usual = [name for name in known if name.lower() in (*LABEL_COLUMNS, "labels")]
    in_order = [name for name in usual if name in columns.classes] + list(columns.classes) + usual
    return next(iter(in_order), None)


def _build(
    shards: _Shards, chosen: Sequence[int], indexes: Sequence[Arrays], splits: tuple[str, ...]
) -> PictureFiles:
    """The pictures of the chosen files, without labels."""
    places: dict[str, tuple[int, int]] = {}
    known: dict[str, str] = {}
    for file, index in zip(chosen, indexes, strict=True):
        # Python's own numbers: NumPy's are slower one by one.
        entries = zip(
            index["rows"].tolist(), index["names"].tolist(), index["stamps"].tolist(), strict=True
        )
        for row, name, stamp in entries:
            # The picture's own name comes last, so that a label file may name it.
            key = f"{shards.names[file]}/{row:06d}/{name}"
            places[key], known[key] = (file, row), stamp
    if not places:
        raise MaskwrightError(
            f"The column '{shards.image}' of '{shards.location}' holds no picture that can be read."
        )
    sizes = [np.stack([index["heights"], index["widths"]], axis=1) for index in indexes]
    return PictureFiles(
        name=name_of(shards.location),
        keys=list(places),
        storage=ParquetStorage(shards.paths, shards.image, places, known),
        notes=_notes(shards, chosen, indexes),
        splits=splits,
        sizes=np.concatenate(sizes),
    )


def _label(
    source: PictureFiles, shards: _Shards, column: str, cells: Sequence[list[Any]]
) -> PictureFiles:
    """The same pictures with the labels of a column."""
    assert isinstance(source.storage, ParquetStorage)
    places = [source.storage.places[key] for key in source.keys]
    note = f"Labels are those of the column '{column}'."
    names = shards.columns.classes.get(column)
    if names is not None:
        # Class numbers are written beside their names; -1 and nothing are no label.
        found = [cells[file][row] for file, row in places]
        numbers = [UNLABELED if number is None or number < 0 else number for number in found]
        return replace(source, labels=numbers, classes=list(names), notes=(*source.notes, note))
    # One name and one text for each cell of all files, in order.
    rows, texts = [], []
    for file, of_file in enumerate(cells):
        rows += [f"{file}/{row}" for row in range(len(of_file))]
        texts += ["" if cell is None else str(cell) for cell in of_file]
    read = read_column(rows, texts, f"{shards.location}:{column}")
    if read.numbers is None:
        return replace(source, notes=(*source.notes, *read.notes), label_notes=read.notes)
    number = dict(zip(rows, read.numbers, strict=True))
    labels = [number[f"{file}/{row}"] for file, row in places]
    return replace(
        source,
        labels=labels,
        classes=read.classes,
        notes=(*source.notes, note, *read.notes),
        label_notes=read.notes,
    )


def _notes(shards: _Shards, chosen: Sequence[int], indexes: Sequence[Arrays]) -> tuple[str, ...]:
    files = count_of(len(indexes), "Parquet file")
    lines = [f"{files}, pictures from the column '{shards.image}'."]
    others = [name for name in shards.columns.images if name != shards.image]
    if others:
        lines.append(f"Further columns of pictures are not read: {', '.join(others)}.")
    broken: list[str] = []
    for file, index in zip(chosen, indexes, strict=True):
        broken += [f"row {row} of {shards.names[file]}" for row in index["broken"].tolist()]
    if broken:
        lines.append(
            f"{count_of(len(broken), 'row')} without a readable picture left out:"
            f" {', '.join(broken[:_EXAMPLES])}."
        )
    return tuple(lines)


def _open_located(located: LocatedPath, options: OpenOptions) -> PictureFiles:
    paths = paths_of(located)
    missing = [path for path in paths if not path.is_file()]
    if missing:
        raise MaskwrightError(
            f"{len(missing):,} of the {len(paths):,} Parquet files in '{located.path}' are not"
            f" there, for example '{missing[0]}'."
        )
    return open_parquets(paths, str(located.path), options)


PARQUET = SourceKind(
    name="parquet",
    noun="Parquet of pictures (.parquet)",
    takes=LocatedPath,
    accepts=lambda located: bool(paths_of(located)),
    open=_open_located,
    has_columns=True,
)
PARQUET_PATTERN = SourceKind(
    name="parquet pattern",
    noun="Parquet of pictures",
    takes=str,
    accepts=lambda text: text.endswith(ENDING) and is_pattern(text) and not Path(text).exists(),
    open=lambda text, options: open_parquets(expand_pattern(text), text, options),
    has_columns=True,
)
