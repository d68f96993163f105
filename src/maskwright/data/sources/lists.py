"""Text and CSV files that name pictures, or give labels to pictures that lie elsewhere."""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path, PurePosixPath

from maskwright.data.sources.file_names import extension, slug
from maskwright.data.sources.folder import FolderStorage
from maskwright.data.sources.folder_splits import pick_split
from maskwright.data.sources.label_column import (
    LabelColumn,
    contradictions,
    format_contradictions,
    read_column,
)
from maskwright.data.sources.picture_files import PictureFiles
from maskwright.data.sources.source_kind import LocatedPath, SourceKind
from maskwright.data.sources.table_file import LABEL_COLUMNS, PATH_COLUMNS, Table, read_table
from maskwright.support.errors import MaskwrightError

LIST_ENDINGS = (".txt", ".lst", ".csv", ".tsv")


def open_list(path: Path, *, split: str | None = None) -> PictureFiles:
    """Open a list of pictures: a path a line, or columns path, label and perhaps split.

    Paths are relative to the list's folder. Files that are missing are reported when they are read.
    Raises MaskwrightError when none exists, and for a split that is not listed.
    """
    table = read_table(path)
    if split is not None and not table.splits():
        raise MaskwrightError(
            f"The list '{path}' has no split '{split}': it has no column split; add one, or write a"
            " list for each."
        )
    table, keys = _listed_pictures(table, path)
    # Labels of all pictures are read before a split is taken, so that its classes are numbered as
    # those of the whole list.
    label_at = table.column(None, LABEL_COLUMNS, 1)
    column = LabelColumn(None, None)
    if label_at is not None:
        cells = [row[label_at] for row in table.rows]
        column = read_column(keys, cells, str(path))
    source = PictureFiles(
        name=slug(path.stem),
        keys=keys,
        storage=FolderStorage(path.parent),
        labels=column.numbers,
        classes=column.classes,
        splits=table.splits(),
        notes=column.notes,
        label_notes=column.notes,
    )
    if split is None:
        return source
    return _part(source, split, table.split_of_each(), str(path))


def _listed_pictures(table: Table, path: Path) -> tuple[Table, list[str]]:
    """The rows that name pictures, and their keys; raises MaskwrightError without any."""
    at = table.column(None, PATH_COLUMNS, 0)
    if at is None:
        raise MaskwrightError(
            f"'{path}' has no column for the pictures (path, file or image); it has:"
            f" {', '.join(table.columns or ())}."
        )
    # A row that begins with # is a remark, unless a picture has that name.
    rows = [
        row for row in table.rows if not row[at].startswith("#") or (path.parent / row[at]).exists()
    ]
    table = dataclasses.replace(table, rows=rows or table.rows)
    keys = [row[at] for row in table.rows]
    if not any((path.parent / key).exists() for key in keys):
        raise MaskwrightError(
            f"None of the {len(keys):,} files in '{path}' exists; the first is"
            f" '{path.parent / keys[0]}'."
        )
    return table, keys


def with_labels(source: PictureFiles, labels: str, split: str | None = None) -> PictureFiles:
    """Label the pictures of a source from a file.

    Files are matched by their path in the source, else by their name alone. An empty cell is no
    label. A column without classes leaves the pictures unlabeled, with a note.

    source: the pictures.
    labels: 'labels.csv', or 'labels.csv:hair' for one column (a name, or a number from 1).
    split: the part to keep, by the file's column split; None for all.

    Raises MaskwrightError for pictures without a line.
    """
    column = read_labels(source.keys, labels)
    labeled = dataclasses.replace(
        source,
        labels=column.numbers,
        classes=column.classes,
        notes=(*source.notes, *column.notes),
        label_notes=column.notes,
    )
    splits = splits_in(labels)
    if not splits:
        return labeled
    labeled = dataclasses.replace(labeled, splits=splits)
    if split is None:
        return labeled
    table, _ = _open_labels(labels)
    split_of_each = _matched(source.keys, table, table.split_of_each())
    return _part(labeled, split, split_of_each, str(table.path))


def is_label_file(labels: str) -> bool:
    """Whether a text names a label file that exists: `FILE` or `FILE:COLUMN`."""
    file = labels.rpartition(":")[0]
    return Path(labels).exists() or (bool(file) and Path(file).exists())


def splits_in(labels: str) -> tuple[str, ...]:
    """The splits in a label file's column split, train first; none without such a column."""
    table, _ = _open_labels(labels)
    return table.splits()


def check_names(keys: Sequence[str], labels: str, location: str) -> None:
    """Raise MaskwrightError when a label file names pictures that are not in the data.

    keys: of the whole data, all splits.
    labels: the label file, as in `with_labels`.
    location: the data, for the message.
    """
    table, _ = _open_labels(labels)
    at = table.column(None, PATH_COLUMNS, 0)
    if at is None:
        return  # reported when the labels are read
    paths = set(keys)
    names = set(_unique_names(keys))
    unknown = []
    for row in table.rows:
        path = row[at]
        is_known = path in paths or PurePosixPath(path).name in names
        if not is_known and not path.startswith("#"):  # a remark names no picture
            unknown.append(path)
    if unknown:
        raise MaskwrightError(
            f"'{table.path}' names {len(unknown):,} of {len(table.rows):,} pictures that are not"
            f" in '{location}', for example '{unknown[0]}'; add them or take these lines out."
        )


def _part(
    source: PictureFiles, split: str, split_of_each: Sequence[str | None], location: str
) -> PictureFiles:
    """The pictures of one split; class numbers stay those of the whole."""
    name = pick_split(split, source.splits, location)
    indexes = [index for index, of_picture in enumerate(split_of_each) if of_picture == name]
    labels = source.labels
    return dataclasses.replace(
        source,
        keys=[source.keys[index] for index in indexes],
        labels=None if labels is None else [labels[index] for index in indexes],
    )


def read_labels(keys: Sequence[str], labels: str) -> LabelColumn:
    """The labels of these pictures from a file, as in `with_labels`."""
    table, column = _open_labels(labels)
    at = table.column(None, PATH_COLUMNS, 0)
    label_at = table.column(column, LABEL_COLUMNS, 1)
    if at is None or label_at is None:
        columns = ", ".join(table.columns or [f"1 to {len(table.rows[0])}"])
        raise MaskwrightError(
            f"'{table.path}' needs a column file and a column label; it has: {columns}. Choose"
            " one: FILE:COLUMN."
        )
    # The file may name a picture several times. With different labels it counts as unlabeled.
    names = [row[at] for row in table.rows]
    cells = [row[label_at] for row in table.rows]
    pairs = contradictions(names, cells)
    clean = ["" if name in pairs else cell for name, cell in zip(names, cells, strict=True)]

    matched = _matched(keys, table, clean)
    missing = [key for key, label in zip(keys, matched, strict=True) if label is None]
    if missing:
        raise MaskwrightError(
            f"'{table.path}' has no label for {len(missing):,} of {len(matched):,} pictures, for"
            f" example '{missing[0]}'."
        )
    read = read_column(keys, [label or "" for label in matched], str(table.path))
    notes = (*format_contradictions(pairs, str(table.path)), *read.notes)
    return dataclasses.replace(read, notes=notes)


def _matched(keys: Sequence[str], table: Table, values: Sequence[str]) -> list[str | None]:
    """The value of each picture, by its path or else by its name alone; None without either."""
    at = table.column(None, PATH_COLUMNS, 0) or 0
    paths = [row[at] for row in table.rows]
    by_path = dict(zip(paths, values, strict=True))
    # A name counts only if it is the only one of its kind, in the table and among the pictures.
    by_name = {name: by_path[path] for name, path in _unique_names(by_path).items()}
    named = {key: name for name, key in _unique_names(keys).items()}
    return [by_path.get(key, by_name.get(named.get(key, ""))) for key in keys]


def _open_labels(labels: str) -> tuple[Table, str | None]:
    """The table of `FILE` or `FILE:COLUMN`, and the column."""
    # A file may have a colon in its name, and on Windows its path does.
    if Path(labels).exists():
        return read_table(Path(labels)), None
    file, _, column = labels.rpartition(":")
    if file and Path(file).exists():
        return read_table(Path(file)), column
    raise MaskwrightError(f"The label file '{labels}' does not exist.")


def _unique_names(paths: Iterable[str]) -> dict[str, str]:
    """Paths by file name, without the names that occur in several folders."""
    names = [(PurePosixPath(path).name, path) for path in paths]
    count = Counter(name for name, _ in names)
    return {name: path for name, path in names if count[name] == 1}


LIST_FILE = SourceKind(
    name="list",
    noun="a list (.txt .csv)",
    takes=LocatedPath,
    accepts=lambda located: f".{extension(located.path.name)}" in LIST_ENDINGS,
    open=lambda located, options: open_list(located.path, split=options.split),
)
