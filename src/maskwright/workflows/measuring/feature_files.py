"""Files of features, written batch by batch: .npz for NumPy, .parquet for tables."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from maskwright.support.array_file import write_npz
from maskwright.support.errors import MaskwrightError
from maskwright.support.files import write_atomic

ENDINGS = (".npz", ".parquet")


@dataclass(frozen=True, eq=False)
class FeatureBatch:
    """The vectors of some pictures that follow each other.

    keys: names of the pictures.
    labels: class numbers; None where the data has none.
    features: (n, D) float32.
    """

    keys: list[str]
    labels: list[int] | None
    features: np.ndarray

    def to_table(self, arrow: Any) -> Any:
        """The batch as a table of the package pyarrow."""
        values = arrow.array(np.ascontiguousarray(self.features, dtype=np.float32).ravel())
        # A list of fixed size is read back as a matrix without a loop.
        kind = arrow.list_(arrow.float32(), self.features.shape[1])
        columns = {
            "key": arrow.array(self.keys),
            "features": arrow.FixedSizeListArray.from_arrays(values, type=kind),
        }
        if self.labels is not None:
            columns["label"] = arrow.array(self.labels, arrow.int64())
        return arrow.table(columns)


class FeatureWriter(Protocol):
    """Takes batches of keys, labels and vectors, and puts the file in place at the end."""

    def add(self, batch: FeatureBatch) -> None:
        """Write one batch."""

    def finish(self, path: Path, classes: list[str] | None, data: str = "") -> None:
        """Put the whole file in place; data: where the pictures came from, if that has a name."""


def check_ending(path: Path) -> None:
    """Raise MaskwrightError for a file that features are not written to."""
    if path.suffix not in ENDINGS:
        raise MaskwrightError(f"Features are written as {' or '.join(ENDINGS)}; got '{path}'.")
    if path.suffix == ".parquet":
        import_parquet(".npz needs none")


def open_writer(path: Path, scratch: Path, width: int) -> FeatureWriter:
    """The writer for the ending of a file's name.

    scratch: a folder for what is not finished.
    width: numbers of each vector.

    Raises MaskwrightError for other endings.
    """
    check_ending(path)
    return ParquetWriter(scratch) if path.suffix == ".parquet" else NpzWriter(scratch, width)


class NpzWriter:
    """Appends vectors to a raw file, which is packed at the end."""

    def __init__(self, scratch: Path, width: int) -> None:
        self._raw = scratch / "features.raw"
        self._width = width
        # Names and labels are small and wait in memory.
        self._keys: list[str] = []
        self._labels: list[int] = []

    def add(self, batch: FeatureBatch) -> None:
        with self._raw.open("ab") as file:
            file.write(np.ascontiguousarray(batch.features, dtype=np.float32).tobytes())
        self._keys += batch.keys
        self._labels += batch.labels or []

    def finish(self, path: Path, classes: list[str] | None, data: str = "") -> None:
        columns: dict[str, Any] = {"keys": np.array(self._keys), "data": np.array(data)}
        # Mapped, not read: vectors go from file to file a stretch at a time.
        columns["features"] = np.memmap(
            self._raw, np.float32, "r", shape=(len(self._keys), self._width)
        )
        if self._labels:
            columns["labels"] = np.array(self._labels, dtype=np.int64)
        if classes:
            columns["classes"] = np.array(classes)
        write_npz(path, columns, compressed=False)


def import_parquet(otherwise: str) -> Any:
    """The package pyarrow with its module `parquet`.

    otherwise: what can be done without it.

    Raises MaskwrightError where it is not installed.
    """
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError as error:
        raise MaskwrightError(
            f"Parquet needs another package: pip install 'maskwright[parquet]'; {otherwise}."
        ) from error
    return pyarrow


class ParquetWriter:
    """Writes a row group per batch; features are a list of floats per row."""

    def __init__(self, scratch: Path) -> None:
        self._arrow = import_parquet(".npz needs none")
        self._file = scratch / "features.parquet"
        self._writer: Any = None

    def add(self, batch: FeatureBatch) -> None:
        table = batch.to_table(self._arrow)
        # The first batch decides which columns there are.
        if self._writer is None:
            self._writer = self._arrow.parquet.ParquetWriter(self._file, table.schema)
        self._writer.write_table(table)

    def finish(self, path: Path, classes: list[str] | None, data: str = "") -> None:
        # Parquet has no place for a table of its own, so names go into the metadata.
        about = {"data": data, **({"classes": "\n".join(classes)} if classes else {})}
        self._writer.add_key_value_metadata(about)
        self._writer.close()
        write_atomic(path, self._move)

    def _move(self, temporary: Path) -> None:
        # Moved, not copied: the file may be large.
        temporary.write_bytes(b"")
        self._file.replace(temporary)
