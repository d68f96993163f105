"""Pictures of Parquet files by row, a row group at a time."""

from __future__ import annotations

import os
import threading
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from maskwright.data.sources.parquet_file import open_parquet

# Decoded row groups that are kept for the next pictures of the same groups, in bytes.
KEPT_BYTES = 256 * 2**20


@dataclass
class ParquetStorage:
    """Reads the bytes of single rows; safe in threads, after a fork and in spawned workers.

    A row group is the least that can be decoded. Pictures that are read in order share theirs.

    paths: the files.
    column: of the pictures, the same in all files.
    places: (file, row) of each key.
    known: the stamp of each key's content.
    """

    paths: Sequence[Path]
    column: str
    places: dict[str, tuple[int, int]] = field(repr=False)
    known: dict[str, str] = field(repr=False)
    _process: int = field(default=-1, init=False, repr=False)
    _groups: Any = field(default=None, init=False, repr=False)

    def stamps(self, keys: Sequence[str]) -> list[str]:
        return [self.known[key] for key in keys]

    def read_bytes(self, key: str) -> bytes:
        # A forked worker starts anew: a lock may be held by a thread that it does not have.
        if self._process != os.getpid():
            self._groups, self._process = _Groups(self.paths, self.column), os.getpid()
        cell = self._groups.cell(*self.places[key])
        data = cell.get("bytes") if isinstance(cell, dict) else cell
        if data is None:
            raise OSError("the row holds no bytes")
        return data

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_process": -1, "_groups": None}


class _Groups:
    """The row groups that one process has read last."""

    def __init__(self, paths: Sequence[Path], column: str) -> None:
        self._paths = paths
        self._column = column
        self._lock = threading.Lock()
        self._starts: dict[int, np.ndarray] = {}
        self._kept: OrderedDict[tuple[int, int], Any] = OrderedDict()

    def cell(self, file: int, row: int) -> Any:
        """The picture in a row of a file."""
        with self._lock:
            starts = self._first_rows(file)
            group = int(np.searchsorted(starts, row, side="right")) - 1
            place = (file, group)
            if place not in self._kept:
                self._kept[place] = self._read(file, group)
                self._forget()
            self._kept.move_to_end(place)
            return self._kept[place][row - int(starts[group])].as_py()

    def _first_rows(self, file: int) -> np.ndarray:
        """(groups,) the number of the first row of each group."""
        if file not in self._starts:
            metadata = open_parquet(self._paths[file]).metadata
            counts = [metadata.row_group(at).num_rows for at in range(metadata.num_row_groups)]
            self._starts[file] = np.concatenate([[0], np.cumsum(counts[:-1], dtype=np.int64)])
        return self._starts[file]

    def _read(self, file: int, group: int) -> Any:
        # Opened for one group only: a set may have more files than a process may hold open.
        opened = open_parquet(self._paths[file])
        # One thread: pyarrow's own threads do not survive a fork.
        table = opened.read_row_group(group, columns=[self._column], use_threads=False)
        return table.column(self._column)

    def _forget(self) -> None:
        """Drop the groups that were used longest ago; the last one always stays."""
        while len(self._kept) > 1 and sum(kept.nbytes for kept in self._kept.values()) > KEPT_BYTES:
            self._kept.popitem(last=False)
