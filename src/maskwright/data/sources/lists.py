"""Text and CSV files that name pictures, or give labels to pictures found elsewhere."""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path, PurePosixPath

from maskwright.data.sources.folder import FolderStorage
from maskwright.data.sources.label_column import (
    LabelColumn,
    contradictions,
    format_contradictions,
    read_column,
)
from maskwright.data.sources.picture_files import (
    PictureFiles,
    pick_split,
    slug,
)
from maskwright.data.sources.table_file import LABEL_COLUMNS, PATH_COLUMNS, Table, read_table
from maskwright.support.errors import MaskwrightError

LIST_ENDINGS = (".txt", ".lst", ".csv", ".tsv")


def open_list(path: Path, *, split: str | None = None) -> PictureFiles:
    """Open a list of pictures: a path a line, or columns path/file/image and perhaps label and
    split; paths are relative to the list's folder.

    Files that are missing are reported when they are read; raises MaskwrightError when none exists,
    and for a split that is not listed.
    """
    table = read_table(path)
    if split is not None and not table.splits():
        raise MaskwrightError(
            f"The list '{path}' has no split '{split}': it has no column split; add one, or write a"
            " list for each."
        )
    at = table.column(None, PATH_COLUMNS, 0)
    if at is None:
        raise MaskwrightError(
            f"'{path}' has no column for the pictures (path, file or image); it has:"
            f" {', '.join(table.columns or ())}."
        )
    rows = [row for row in table.rows if not _is_taken_out(row[at], (path.parent / row[at]).exists)]
    table = dataclasses.replace(table, rows=rows or table.rows)
    keys = [row[at] for row in table.rows]
    label_at = table.column(None, LABEL_COLUMNS, 1)
    if not any((path.parent / key).exists() for key in keys):
        raise MaskwrightError(
            f"None of the {len(keys):,} files in '{path}' exists; the first is"
            f" '{path.parent / keys[0]}'."
        )
    cells = [] if label_at is None else [row[label_at] for row in table.rows]
    column = read_column(keys, cells, str(path)) if cells else LabelColumn(None, None)
    listed = PictureFiles(
        name=slug(path.stem),
        keys=keys,
        storage=FolderStorage(path.parent),
        labels=column.numbers,
        classes=column.classes,
        splits=table.splits(),
        notes=column.notes,
        label_notes=column.notes,
    )
    return listed if split is None else _part(listed, split, table.split_of_each(), str(path))


def with_labels(source: PictureFiles, labels: str, split: str | None = None) -> PictureFiles:
    """Label the pictures of a source from a file: 'labels.csv', or 'labels.csv:hair' for one column
    (a name, or a number from 1).

    Files are matched by their path in the source, else by their name alone.

    split: the part to keep, by the file's column split.

    Raises MaskwrightError for pictures without a line; an empty cell is no label, and columns
    without classes leave none, which notes tell.
    """
    column = read_labels(source.keys, labels)
    labeled = dataclasses.replace(
        source,
        labels=column.numbers,
        classes=column.classes,
        notes=(*source.notes, *column.notes),
        label_notes=column.notes,
    )
    named = splits_in(labels)
    if not named:
        return labeled
    labeled = dataclasses.replace(labeled, splits=named)
    if split is None:
        return labeled
    table, _ = _open_labels(labels)
    return _part(
        labeled, split, _matched(source.keys, table, table.split_of_each()), str(table.place)
    )


def splits_in(labels: str) -> tuple[str, ...]:
    """The splits that a label file tells in a column split, train first; none without such a
    column.
    """
    return _open_labels(labels)[0].splits()


def check_names(keys: Sequence[str], labels: str, place: str) -> None:
    """Raise MaskwrightError when a label file names pictures that are not among the keys of the
    whole data.
    """
    table, _ = _open_labels(labels)
    at = table.column(None, PATH_COLUMNS, 0)
    if at is None:
        return  # told when the labels are read
    paths, names = set(keys), set(_unique_names(keys))
    unknown = [
        row[at]
        for row in table.rows
        if row[at] not in paths
        and PurePosixPath(row[at]).name not in names
        and not row[at].startswith("#")
    ]
    if unknown:
        raise MaskwrightError(
            f"'{table.place}' names {len(unknown):,} of {len(table.rows):,} pictures that are not"
            f" in '{place}', for example '{unknown[0]}'; add them or take these lines out."
        )


def _part(
    source: PictureFiles, split: str, split_of_each: Sequence[str | None], place: str
) -> PictureFiles:
    """The pictures of one split; class numbers stay those of the whole."""
    chosen = pick_split(split, source.splits, place)
    kept = [at for at, one in enumerate(split_of_each) if one == chosen]
    return dataclasses.replace(
        source,
        keys=[source.keys[at] for at in kept],
        labels=None if source.labels is None else [source.labels[at] for at in kept],
    )


def read_labels(keys: Sequence[str], labels: str) -> LabelColumn:
    """The labels of these pictures from a file, as in with_labels."""
    table, column = _open_labels(labels)
    at = table.column(None, PATH_COLUMNS, 0)
    label_at = table.column(column, LABEL_COLUMNS, 1)
    if at is None or label_at is None:
        shown = ", ".join(table.columns or [f"1 to {len(table.rows[0])}"])
        raise MaskwrightError(
            f"'{table.place}' needs a column file and a column label; it has: {shown}. Choose one:"
            " FILE:COLUMN."
        )
    named, cells = [row[at] for row in table.rows], [row[label_at] for row in table.rows]
    double = contradictions(named, cells)
    found = _matched(
        keys,
        table,
        ["" if name in double else cell for name, cell in zip(named, cells, strict=True)],
    )
    missing = [key for key, label in zip(keys, found, strict=True) if label is None]
    if missing:
        raise MaskwrightError(
            f"'{table.place}' has no label for {len(missing):,} of {len(found):,} pictures, for"
            f" example '{missing[0]}'."
        )
    read = read_column(keys, [label or "" for label in found], str(table.place))
    notes = (*format_contradictions(double, str(table.place)), *read.notes)
    return dataclasses.replace(read, notes=notes)


def _matched(keys: Sequence[str], table: Table, values: Sequence[str]) -> list[str | None]:
    """The value of each picture, by its path or else by its name alone; None where the table has
    neither.
    """
    at = table.column(None, PATH_COLUMNS, 0) or 0
    by_path = {row[at]: value for row, value in zip(table.rows, values, strict=True)}
    by_name = {name: by_path[path] for name, path in _unique_names(by_path).items()}
    named = {key: name for name, key in _unique_names(keys).items()}
    return [by_path.get(key, by_name.get(named.get(key, ""))) for key in keys]


def _open_labels(labels: str) -> tuple[Table, str | None]:
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


def _is_taken_out(key: str, is_there: Callable[[], bool]) -> bool:
    """Whether a row was made a remark: its picture begins with # and is not there under
    that name.
    """
    return key.startswith("#") and not is_there()
