"""Many names on disk: a name becomes text when it is asked for."""

from __future__ import annotations

import hashlib
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

# Names of a block that is made into text at once: few enough for memory, enough to be quick.
_BLOCK = 1 << 16
_LETTERS, _ENDS, _HASHES, _ORDER = "letters.u1", "ends.i8", "hashes.i8", "order.i8"


class NameColumn(Sequence[str]):
    """Names that lie one after another in a file, or some of them in any order.

    Nothing is read before it is asked for, so a hundred million names take no memory of their own,
    and processes of one machine share what was read.
    """

    def __init__(self, folder: Path, rows: np.ndarray | None = None) -> None:
        """folder: as `NameWriter` has left it. rows: (n,) which of its names; None for all."""
        self.folder = folder
        self.rows = rows

    def __len__(self) -> int:
        return len(self._ends) if self.rows is None else len(self.rows)

    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, slice):
            return [self[at] for at in range(*index.indices(len(self)))]
        if not -len(self) <= index < len(self):
            raise IndexError(index)
        place = index % len(self)
        return self._name(place if self.rows is None else int(self.rows[place]))

    def __iter__(self) -> Iterator[str]:
        for start in range(0, len(self), _BLOCK):
            stop = min(len(self), start + _BLOCK)
            yield from self._names(
                np.arange(start, stop) if self.rows is None else self.rows[start:stop]
            )

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Sequence) or isinstance(other, str):
            return NotImplemented
        return len(self) == len(other) and all(map(str.__eq__, self, other))

    __hash__ = None  # type: ignore[assignment]

    def chosen(self, rows: np.ndarray) -> NameColumn:
        """These names alone, in this order, by their places here."""
        return NameColumn(self.folder, rows if self.rows is None else self.rows[rows])

    @property
    def hashes(self) -> np.ndarray:
        """(n,) int64, `hash_name` of each."""
        return self._hashes if self.rows is None else self._hashes[self.rows]

    def find(self, name: str) -> int:
        """The row of a name in the file; raises KeyError where it has none such."""
        wanted = hash_name(name)
        at = bisect_left(self._order, wanted, key=lambda row: int(self._hashes[row]))
        # Names of one hash stand side by side.
        while at < len(self._order) and self._hashes[row := int(self._order[at])] == wanted:
            if self._name(row) == name:
                return row
            at += 1
        raise KeyError(name)

    def may_hold(self, letter: str) -> bool:
        """Whether any name of the file holds an ASCII letter."""
        blocks = range(0, len(self._letters), _BLOCK * 64)
        return any((self._letters[at : at + _BLOCK * 64] == ord(letter)).any() for at in blocks)

    def _names(self, rows: np.ndarray) -> Iterator[str]:
        """The names of some rows (n,) of the file."""
        low, high = int(rows.min()), int(rows.max())
        if high - low > 8 * len(rows):  # they lie far apart
            yield from map(self._name, rows.tolist())
            return
        # Close together: the whole stretch is read at once, which is several times as fast.
        ends = self._ends[low : high + 1].tolist()
        first = self._begin(low)
        stretch = self._letters[first : ends[-1]].tobytes()
        begins = [0, *(end - first for end in ends)]
        for row in (rows - low).tolist():
            yield _to_text(stretch[begins[row] : begins[row + 1]])

    def _name(self, row: int) -> str:
        return _to_text(self._letters[self._begin(row) : int(self._ends[row])].tobytes())

    def _begin(self, row: int) -> int:
        return 0 if row == 0 else int(self._ends[row - 1])

    @cached_property
    def _letters(self) -> np.ndarray:
        return map_array(self.folder / _LETTERS, np.uint8)

    @cached_property
    def _ends(self) -> np.ndarray:
        return map_array(self.folder / _ENDS, np.int64)

    @cached_property
    def _hashes(self) -> np.ndarray:
        return map_array(self.folder / _HASHES, np.int64)

    @cached_property
    def _order(self) -> np.ndarray:
        return map_array(self.folder / _ORDER, np.int64)

    def __getstate__(self) -> dict[str, Any]:
        # Other processes map the files themselves.
        return {"folder": self.folder, "rows": self.rows}


def choose_names(names: Sequence[str], rows: np.ndarray) -> Sequence[str]:
    """Some of many names, in the order of rows (n,); names on disk stay there."""
    if isinstance(names, NameColumn):
        return names.chosen(rows)
    return tuple(names[row] for row in rows.tolist())


def hash_name(name: str) -> int:
    """A 64-bit hash of a name, as a signed integer."""
    digest = hashlib.blake2b(name.encode("utf-8", "surrogateescape"), digest_size=8).digest()
    return int.from_bytes(digest, "little", signed=True)


def write_names(folder: Path, parts: Iterable[Sequence[str]]) -> NameColumn:
    """Write names into a folder, part by part, so that they never lie in memory together."""
    end = 0
    with (
        (folder / _LETTERS).open("wb") as letters,
        (folder / _ENDS).open("wb") as ends,
        (folder / _HASHES).open("wb") as hashes,
    ):
        for names in parts:
            encoded = [name.encode("utf-8", "surrogateescape") for name in names]
            lengths = np.array([len(name) for name in encoded], np.int64)
            letters.write(b"".join(encoded))
            ends.write((end + lengths.cumsum()).tobytes())
            hashes.write(np.array([hash_name(name) for name in names], np.int64).tobytes())
            end += int(lengths.sum())
    # The order in which a name is looked for.
    np.argsort(map_array(folder / _HASHES, np.int64)).astype(np.int64).tofile(folder / _ORDER)
    return NameColumn(folder)


def map_array(path: Path, kind: type[np.generic]) -> np.ndarray:
    """A file of numbers of one kind, mapped into memory."""
    # An empty file cannot be mapped.
    if path.stat().st_size == 0:
        return np.zeros(0, kind)
    return np.memmap(path, dtype=kind, mode="r")


def _to_text(letters: bytes) -> str:
    return letters.decode("utf-8", "surrogateescape")
