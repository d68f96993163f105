"""Text and CSV files that name pictures, or give labels to pictures found elsewhere."""

from __future__ import annotations

import csv
import dataclasses
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from maskwright.data.folder import FolderStorage
from maskwright.data.label_column import (
    LabelColumn,
    contradictions,
    read_column,
    spell_contradictions,
)
from maskwright.data.picture_files import (
    PICTURE_EXTENSIONS,
    PictureFiles,
    extension,
    order_splits,
    pick_split,
    slug,
)
from maskwright.support.errors import MaskwrightError, did_you_mean
from maskwright.support.files import hash_strings

LIST_ENDINGS = (".txt", ".lst", ".csv", ".tsv")
_PATH_COLUMNS = ("path", "file", "image", "filename", "filepath", "file_name", "image_path")
_LABEL_COLUMNS = ("label", "class", "target", "y")
_SPLIT_COLUMNS = ("split", "subset", "partition")


@dataclass(frozen=True)
class _Table:
    """Rows of equal length with the names of their columns, if the file gives any."""

    rows: list[list[str]]
    columns: list[str] | None
    place: Path

    def column(self, name: str | None, known: Sequence[str], fallback: int) -> int | None:
        """Find a column by its name or number (from 1), else by a usual name, else the fallback if the file names no columns."""
        width = len(self.rows[0])
        lower = [column.lower() for column in self.columns or ()]
        if name is not None:
            if name.lower() in lower:
                return lower.index(name.lower())
            if name.isdigit() and 1 <= int(name) <= width:
                return int(name) - 1
            shown = ", ".join(self.columns or [f"1 to {width}"])
            raise MaskwrightError(
                f"'{self.place}' has no column '{name}'.{did_you_mean(name, self.columns or ())} It has: {shown}."
            )
        if self.columns is None:
            return fallback if fallback < width else None
        return next((lower.index(usual) for usual in known if usual in lower), None)

    def split_of_each(self) -> list[str]:
        """What the column split says of each row; nothing at all without one."""
        lower = [column.lower() for column in self.columns or ()]
        at = next((lower.index(usual) for usual in _SPLIT_COLUMNS if usual in lower), None)
        return [] if at is None else [row[at] for row in self.rows]

    def splits(self) -> tuple[str, ...]:
        """The splits by name, train, val and test first; none unless all are named like splits."""
        return order_splits(set(self.split_of_each()))


def open_list(path: Path, *, split: str | None = None) -> PictureFiles:
    """Open a list of pictures: a path a line, or columns path/file/image and perhaps label and split; paths are relative to the list's
    folder.

    Files that are missing are reported when they are read; raises MaskwrightError when none exists, and for a split that is not listed.
    """
    table = _read_table(path)
    if split is not None and not table.splits():
        raise MaskwrightError(
            f"The list '{path}' has no split '{split}': it has no column split; add one, or write a list for each."
        )
    at = table.column(None, _PATH_COLUMNS, 0)
    if at is None:
        raise MaskwrightError(
            f"'{path}' has no column for the pictures (path, file or image); it has: {', '.join(table.columns or ())}."
        )
    keys = [row[at] for row in table.rows]
    label_at = table.column(None, _LABEL_COLUMNS, 1)
    stamps = [_stamp(path.parent / key) for key in keys]
    if not any(stamps):
        raise MaskwrightError(
            f"None of the {len(keys):,} files in '{path}' exists; the first is '{path.parent / keys[0]}'."
        )
    cells = [] if label_at is None else [row[label_at] for row in table.rows]
    column = read_column(keys, cells, str(path)) if cells else LabelColumn(None, None)
    listed = PictureFiles(
        name=slug(path.stem),
        keys=keys,
        storage=FolderStorage(path.parent),
        fingerprint=hash_strings(
            [f"{key}\t{stamp}" for key, stamp in zip(keys, stamps, strict=True)]
            + [str(column.numbers)]
        ),
        labels=column.numbers,
        classes=column.classes,
        splits=table.splits(),
        notes=column.notes,
        label_notes=column.notes,
    )
    return listed if split is None else _part(listed, split, table.split_of_each(), str(path))


def with_labels(source: PictureFiles, labels: str, split: str | None = None) -> PictureFiles:
    """Label the pictures of a source from a file: 'labels.csv', or 'labels.csv:hair' for one column (a name, or a number from 1).

    Files are matched by their path in the source, else by their name alone. split: the part to keep, by the file's column split. Raises
    MaskwrightError for pictures without a line; an empty cell is no label, and columns without classes leave none, which notes tell.
    """
    column = read_labels(source.keys, labels)
    labeled = dataclasses.replace(
        source,
        labels=column.numbers,
        classes=column.classes,
        fingerprint=column.fingerprint(source.fingerprint),
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
    """The splits that a label file tells in a column split, train first; none without such a column."""
    return _open_labels(labels)[0].splits()


def check_names(keys: Sequence[str], labels: str, place: str) -> None:
    """Raise MaskwrightError when a label file names pictures that are not among the keys of the whole data."""
    table, _ = _open_labels(labels)
    at = table.column(None, _PATH_COLUMNS, 0)
    if at is None:
        return  # told when the labels are read
    paths, names = set(keys), set(_unique_names(keys))
    unknown = [
        row[at]
        for row in table.rows
        if row[at] not in paths and PurePosixPath(row[at]).name not in names
    ]
    if unknown:
        raise MaskwrightError(
            f"'{table.place}' names {len(unknown):,} of {len(table.rows):,} pictures that are not in '{place}', for example "
            f"'{unknown[0]}'; add them or take these lines out."
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
        fingerprint=hash_strings([source.fingerprint, chosen]),
    )


def read_labels(keys: Sequence[str], labels: str) -> LabelColumn:
    """The labels of these pictures from a file, as in with_labels."""
    table, column = _open_labels(labels)
    at = table.column(None, _PATH_COLUMNS, 0)
    label_at = table.column(column, _LABEL_COLUMNS, 1)
    if at is None or label_at is None:
        shown = ", ".join(table.columns or [f"1 to {len(table.rows[0])}"])
        raise MaskwrightError(
            f"'{table.place}' needs a column file and a column label; it has: {shown}. Choose one: FILE:COLUMN."
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
            f"'{table.place}' has no label for {len(missing):,} of {len(found):,} pictures, for example '{missing[0]}'."
        )
    column = read_column(keys, [label or "" for label in found], str(table.place))
    notes = (*spell_contradictions(double, str(table.place)), *column.notes)
    return dataclasses.replace(column, notes=notes)


def _matched(keys: Sequence[str], table: _Table, values: Sequence[str]) -> list[str | None]:
    """The value of each picture, by its path or else by its name alone; None where the table has neither."""
    at = table.column(None, _PATH_COLUMNS, 0) or 0
    by_path = {row[at]: value for row, value in zip(table.rows, values, strict=True)}
    by_name = {name: by_path[path] for name, path in _unique_names(by_path).items()}
    named = {key: name for name, key in _unique_names(keys).items()}
    return [by_path.get(key, by_name.get(named.get(key, ""))) for key in keys]


def _open_labels(labels: str) -> tuple[_Table, str | None]:
    if Path(labels).exists():
        return _read_table(Path(labels)), None
    file, _, column = labels.rpartition(":")
    if file and Path(file).exists():
        return _read_table(Path(file)), column
    raise MaskwrightError(f"The label file '{labels}' does not exist.")


def _unique_names(paths: Iterable[str]) -> dict[str, str]:
    """Paths by file name, without the names that occur in several folders."""
    names = [(PurePosixPath(path).name, path) for path in paths]
    count = Counter(name for name, _ in names)
    return {name: path for name, path in names if count[name] == 1}


def _read_table(path: Path) -> _Table:
    try:
        lines = [
            line
            for line in path.read_text(encoding="utf-8-sig").splitlines()
            if line.strip() and not line.startswith("#")
        ]
    except (OSError, UnicodeDecodeError) as error:
        raise MaskwrightError(f"Cannot read the list '{path}': {error}.") from error
    if not lines:
        raise MaskwrightError(f"The list '{path}' is empty; it takes one picture a line.")
    rows = _cut(lines)
    named = extension(rows[0][0]) not in PICTURE_EXTENSIONS and any(
        cell.lower() in _PATH_COLUMNS for cell in rows[0]
    )
    columns, rows = (rows[0], rows[1:]) if named else (None, rows)
    width = len(columns or rows[0])
    for row in rows:
        if len(row) != width:
            raise MaskwrightError(
                f"A line of '{path}' has {len(row)} columns instead of {width}: {', '.join(row)}."
            )
    if not rows:
        raise MaskwrightError(f"The list '{path}' has a header and no line.")
    return _Table(rows, columns, path)


def _cut(lines: list[str]) -> list[list[str]]:
    """Split lines at tabs, semicolons or commas, whichever the first line has; else after a picture's name, where blanks follow it."""
    for mark in "\t;,":
        if mark in lines[0]:
            return [[cell.strip() for cell in row] for row in csv.reader(lines, delimiter=mark)]
    whole = [line.strip() for line in lines]
    return [[line] if extension(line) in PICTURE_EXTENSIONS else line.split() for line in whole]


def _stamp(path: Path) -> str:
    try:
        facts = path.stat()
    except OSError:
        return ""  # reported as unreadable when it is read
    return f"{facts.st_size}-{facts.st_mtime_ns}"
