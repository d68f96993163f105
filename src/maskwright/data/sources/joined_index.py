"""The indexes of many shards as one, in arrays on disk that are mapped into memory."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any
from uuid import uuid4

import numpy as np

from maskwright.data.sources.shard_index import ShardIndex
from maskwright.data.sources.whole_tar import SampleCount, count_samples
from maskwright.support.errors import MaskwrightError
from maskwright.support.files import write_advice
from maskwright.support.name_column import NameColumn, map_array, write_names

FORMAT = "1"  # of the files in the folder
_FACTS = "facts.json"
# What is kept of each picture, and in which type; 2 GB are enough for a picture's bytes.
_COLUMNS: dict[str, type[np.generic]] = {
    "offsets": np.int64,
    "lengths": np.int32,
    "checksums": np.uint32,
    "heights": np.int32,
    "widths": np.int32,
    "labels": np.int64,
}


@dataclass(frozen=True)
class JoinedIndex:
    """What a set of shards holds: about 80 bytes a picture, none of them in memory of their own.

    folder: where the arrays lie.
    """

    folder: Path

    @cached_property
    def names(self) -> NameColumn:
        """The names of all pictures, shard after shard."""
        return NameColumn(self.folder)

    @cached_property
    def starts(self) -> np.ndarray:
        """(shards + 1,) the row of each shard's first picture, and the number of all pictures."""
        return map_array(self.folder / "starts", np.int64)

    @cached_property
    def broken(self) -> list[str]:
        """Names of further pictures, whose headers cannot be read."""
        return list(self._facts["broken"])

    @cached_property
    def samples(self) -> SampleCount:
        """How many samples hold several pictures."""
        return SampleCount(**self._facts["samples"])

    def column(self, name: str) -> np.ndarray:
        """(n,) one of the numbers that are kept of each picture."""
        return map_array(self.folder / name, _COLUMNS[name])

    @cached_property
    def spans(self) -> tuple[np.ndarray, np.ndarray]:
        """(n,) where the bytes of each picture begin in its shard, and (n,) how many there are."""
        return self.column("offsets"), self.column("lengths")

    def shard_of(self, row: int) -> int:
        """The shard that a picture lies in."""
        return int(np.searchsorted(self.starts, row, side="right")) - 1

    def stamps(self) -> Iterator[str]:
        """The stamp of each picture's content, as `stamp_bytes` gives it."""
        lengths, checksums = self.column("lengths"), self.column("checksums")
        for start in range(0, len(lengths), 1 << 16):
            block = slice(start, start + (1 << 16))
            pairs = zip(lengths[block].tolist(), checksums[block].tolist(), strict=True)
            yield from (f"{length}-{checksum:x}" for length, checksum in pairs)

    @cached_property
    def _facts(self) -> dict[str, Any]:
        return dict(json.loads((self.folder / _FACTS).read_text()))


def join_indexes(
    folder: Path, prefixes: Sequence[str], indexes: Iterable[ShardIndex]
) -> JoinedIndex:
    """The joined index in a folder, written there unless it is there.

    prefixes: what stands before the names of each shard's pictures.
    indexes: read one after another, so that they never lie in memory together.
    """
    if not folder.exists():
        aside = folder.with_name(f".{folder.name}.{uuid4().hex[:12]}.part")
        try:
            aside.mkdir(parents=True)
            _write(aside, prefixes, indexes)
            _move(aside, folder)
        except OSError as error:
            raise MaskwrightError(
                f"Could not write {folder}: {error.strerror or error}. {write_advice(folder)}"
            ) from error
        finally:
            shutil.rmtree(aside, ignore_errors=True)
    return JoinedIndex(folder)


def _move(aside: Path, folder: Path) -> None:
    """Put a finished folder into its place."""
    try:
        os.rename(aside, folder)
    except OSError:
        # Another process was quicker; what it wrote is the same.
        if not folder.exists():
            raise


def _write(folder: Path, prefixes: Sequence[str], indexes: Iterable[ShardIndex]) -> None:
    """Write all arrays, shard by shard."""
    starts = [0]
    broken: list[str] = []
    samples = SampleCount()
    files = {name: (folder / name).open("wb") for name in _COLUMNS}

    def names_of_shards() -> Iterator[list[str]]:
        nonlocal samples
        for prefix, index in zip(prefixes, indexes, strict=True):
            names = [f"{prefix}/{name}" for name in index.names.tolist()]
            for column, values in _columns_of(index).items():
                files[column].write(values.astype(_COLUMNS[column]).tobytes())
            starts.append(starts[-1] + len(names))
            broken.extend(f"{prefix}/{name}" for name in index.broken.tolist())
            samples = samples.plus(count_samples(names))
            yield names

    try:
        # Names are written while the numbers beside them go into their own files.
        write_names(folder, names_of_shards())
    finally:
        for file in files.values():
            file.close()
    np.array(starts, np.int64).tofile(folder / "starts")
    facts = {"broken": broken, "samples": vars(samples)}
    (folder / _FACTS).write_text(json.dumps(facts))


def _columns_of(index: ShardIndex) -> dict[str, np.ndarray]:
    # A stamp is the size and the checksum, and the size is known already.
    checksums = [int(stamp.rpartition("-")[2], 16) for stamp in index.stamps.tolist()]
    return {
        "offsets": index.offsets,
        "lengths": index.lengths,
        "checksums": np.array(checksums, np.uint32),
        "heights": index.heights,
        "widths": index.widths,
        "labels": index.labels,
    }
