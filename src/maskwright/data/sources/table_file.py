"""Text and CSV files as tables: rows of equal length, perhaps with names of columns.

Lines are cut at tabs, semicolons, commas or blanks.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from maskwright.data.sources.file_names import PICTURE_EXTENSIONS, extension
from maskwright.data.sources.folder_splits import order_splits
from maskwright.support.errors import MaskwrightError, did_you_mean

# Names that people give to columns, in lower case.
PATH_COLUMNS = ("path", "file", "image", "filename", "filepath", "file_name", "image_path")
LABEL_COLUMNS = ("label", "class", "target", "y")
_SPLIT_COLUMNS = ("split", "subset", "partition")


@dataclass(frozen=True)
class Table:
    """Rows of equal length.

    rows: the cells of each row.
    columns: the names of the columns; None if the file gives none.
    path: the file.
    """

    rows: list[list[str]]
    columns: list[str] | None
    path: Path

    def column(self, name: str | None, known: Sequence[str], fallback: int) -> int | None:
        """The index of a column; None when there is none.

        name: of the column, or its number from 1; None to look for a usual one.
        known: usual names.
        fallback: the index where the file names no columns.
        """
        width = len(self.rows[0])
        lower = [column.lower() for column in self.columns or ()]
        if name is not None:
            if name.lower() in lower:
                return lower.index(name.lower())
            # A number counts as a name first: a column may be called 5.
            if name.isdigit() and 1 <= int(name) <= width:
                return int(name) - 1
            columns = ", ".join(self.columns or [f"1 to {width}"])
            raise MaskwrightError(
                f"'{self.path}' has no column '{name}'.{did_you_mean(name, self.columns or ())} It"
                f" has: {columns}."
            )
        if self.columns is None:
            return fallback if fallback < width else None
        return self._find(known)

    def _find(self, known: Sequence[str]) -> int | None:
        """The index of the first usual name that the file gives to a column."""
        lower = [column.lower() for column in self.columns or ()]
        for name in known:
            if name in lower:
                return lower.index(name)
        return None

    def split_of_each(self) -> list[str]:
        """What the column split says of each row; an empty list without such a column."""
        at = self._find(_SPLIT_COLUMNS)
        return [] if at is None else [row[at] for row in self.rows]

    def splits(self) -> tuple[str, ...]:
        """The splits by name, train, val and test first; none unless all are named like splits."""
        return order_splits(set(self.split_of_each()))


def read_table(path: Path) -> Table:
    """Read a table; raises MaskwrightError for a file that is unreadable, empty or ragged."""
    try:
        text = path.read_text(encoding="utf-8-sig")  # Excel writes a mark before the first letter
    except (OSError, UnicodeDecodeError) as error:
        raise MaskwrightError(f"Cannot read the list '{path}': {error}.") from error
    lines = [line for line in text.splitlines() if line.strip() and not _is_comment(line)]
    if not lines:
        raise MaskwrightError(f"The list '{path}' is empty; it takes one picture a line.")
    rows = _cut(lines)

    # The first row names the columns if one of its cells is a usual name, unless it is a picture.
    columns = None
    first = rows[0]
    is_picture = extension(first[0]) in PICTURE_EXTENSIONS
    if not is_picture and any(cell.lower() in PATH_COLUMNS for cell in first):
        columns = first
        rows = rows[1:]
    width = len(first)
    # A line with more or fewer cells has its labels in other columns.
    for row in rows:
        if len(row) != width:
            raise MaskwrightError(
                f"A line of '{path}' has {len(row)} columns instead of {width}: {', '.join(row)}."
            )
    if not rows:
        raise MaskwrightError(f"The list '{path}' has a header and no line.")
    return Table(rows, columns, path)


def _is_comment(line: str) -> bool:
    """Whether a line is a remark: it begins with #.

    `#1.jpg,cat` may be the row of a picture whose name begins so. A row that somebody took out with
    a # looks the same; `open_list` tells the two by whether the picture is there.
    """
    if not line.startswith("#"):
        return False
    cells = re.split(r"[\t;,]", line, maxsplit=1)
    first = cells[0].strip().strip('"')
    return line[1:2].isspace() or extension(first) not in PICTURE_EXTENSIONS


def _cut(lines: list[str]) -> list[list[str]]:
    """Split lines at tabs, semicolons or commas, whichever the first line has, else at blanks."""
    for mark in "\t;,":
        if mark in lines[0]:
            rows = csv.reader(lines, delimiter=mark)
            return [list(map(str.strip, row)) for row in rows]
    # The name of a picture may hold blanks: a line that ends as a picture does is one name.
    rows_of_words = []
    for line in map(str.strip, lines):
        is_name = extension(line) in PICTURE_EXTENSIONS
        rows_of_words.append([line] if is_name else line.split())
    return rows_of_words
