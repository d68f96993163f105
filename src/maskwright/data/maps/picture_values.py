"""A number for each picture, from a column of a table."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import torch
from torch import Tensor

from maskwright.data.sources.table_file import PATH_COLUMNS, read_table
from maskwright.data.store.packed import PackedStore
from maskwright.data.store.same_picture import name_of_picture
from maskwright.support.errors import MaskwrightError

VALUE_COLUMNS = ("value", "target", "y", "label", "probability")
# Names that are given in a sentence.
_EXAMPLES = 3


@dataclass(frozen=True, eq=False)
class StoreValues:
    """The numbers of a store's pictures.

    values: (n,) float64, NaN for a picture that the table does not have.
    missing: the keys of those.
    table: the file.
    """

    values: Tensor
    missing: tuple[str, ...]
    table: str

    def notes(self, part: str) -> list[str]:
        """A sentence about pictures without a number, if there are any."""
        if not self.missing:
            return []
        names = ", ".join(self.missing[:_EXAMPLES])
        more = " ..." if len(self.missing) > _EXAMPLES else ""
        return [
            f"{part}: {len(self.missing):,} of {len(self.values):,} pictures have no number in"
            f" '{self.table}' and are left out: {names}{more}."
        ]


@dataclass(frozen=True)
class PictureValues:
    """The numbers of a table.

    by_path: number by path, as the table writes it.
    by_name: number by the last part of the path, without names that stand twice.
    table: the file.
    """

    by_path: dict[str, float]
    by_name: dict[str, float]
    table: str

    def of(self, store: PackedStore) -> StoreValues:
        """The numbers of a store's pictures, found by path, else by name."""
        found = []
        missing = []
        for key in store.keys:
            path = name_of_picture(key)
            name = PurePosixPath(path).name
            value = self.by_path.get(path, self.by_name.get(name))
            if value is None:
                missing.append(key)
                value = float("nan")
            found.append(value)
        return StoreValues(
            values=torch.tensor(found, dtype=torch.float64),
            missing=tuple(missing),
            table=self.table,
        )


def open_values(place: str) -> PictureValues:
    """Read `FILE.csv`, or `FILE.csv:COLUMN` for another column than the usual ones.

    Raises MaskwrightError for a file, a column or a cell that cannot be read.
    """
    path, column = _parts(place)
    table = read_table(path)
    names = table.column(None, PATH_COLUMNS, 0)
    numbers = table.column(column, VALUE_COLUMNS, 1)
    if names is None or numbers is None:
        raise MaskwrightError(
            f"'{path}' needs a column of files and one of numbers, named file and value; or name"
            f" the second: {path}:COLUMN."
        )
    by_path: dict[str, float] = {}
    by_name: dict[str, list[float]] = {}
    for row in table.rows:
        file = row[names]
        cell = row[numbers]
        # An empty cell is a picture without a number.
        if not cell:
            continue
        value = _number(cell, file, path)
        by_path[file] = value
        by_name.setdefault(PurePosixPath(file).name, []).append(value)
    unique = {name: values[0] for name, values in by_name.items() if len(values) == 1}
    return PictureValues(by_path, unique, str(path))


def _parts(place: str) -> tuple[Path, str | None]:
    """The file, and the column behind the last colon."""
    path = Path(place).expanduser()
    if path.exists() or ":" not in place:
        return path, None
    file, _, column = place.rpartition(":")
    return Path(file).expanduser(), column


def _number(cell: str, name: str, path: Path) -> float:
    try:
        return float(cell)
    except ValueError as error:
        raise MaskwrightError(
            f"'{path}' gives '{cell}' for '{name}', and a regression needs a number; name another"
            f" column with {path}:COLUMN."
        ) from error
