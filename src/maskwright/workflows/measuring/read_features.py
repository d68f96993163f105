"""Files of features read back, as `maskwright embed` wrote them."""

from __future__ import annotations

import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from maskwright.support.array_errors import array_fault
from maskwright.support.errors import MaskwrightError

_WAY = "Write one with: maskwright embed RUN DATA --out features.npz."


@dataclass(frozen=True, eq=False)
class FeatureTable:
    """A vector for each of n pictures.

    path: the file.
    keys: the names of the pictures.
    features: (n, D) float32.
    labels: (n,) class names, empty for none; None where the data has no labels.
    data: where the pictures came from; empty where the file does not say.
    """

    path: Path
    keys: tuple[str, ...]
    features: np.ndarray
    labels: tuple[str, ...] | None
    data: str

    def __len__(self) -> int:
        return len(self.keys)


def read_features(place: str | Path) -> FeatureTable:
    """Read a .npz or .parquet file of features.

    Raises MaskwrightError for a file that `maskwright embed` did not write.
    """
    path = Path(place).expanduser()
    if not path.is_file():
        raise MaskwrightError(f"There is no file of features at '{place}'. {_WAY}")
    if path.suffix == ".parquet":
        return _read_parquet(path)
    try:
        # Without pickle, because a file from somebody else could run code.
        with np.load(path, allow_pickle=False) as arrays:
            columns: dict[str, Any] = {name: arrays[name] for name in arrays.files}
    except (OSError, ValueError, EOFError, zipfile.BadZipFile) as error:
        raise MaskwrightError(
            f"'{path}' cannot be read as features ({array_fault(error)}). {_WAY}"
        ) from error
    return _table(path, columns)


def _table(path: Path, columns: dict[str, Any]) -> FeatureTable:
    if not {"keys", "features"} <= set(columns) or np.ndim(columns["features"]) != 2:
        found = ", ".join(columns) or "nothing"
        raise MaskwrightError(f"'{path}' has no keys and features: it has {found}. {_WAY}")
    features = np.asarray(columns["features"], dtype=np.float32)
    if not np.isfinite(features).all():
        raise MaskwrightError(f"'{path}' has features that are not finite (NaN or infinite).")
    return FeatureTable(
        path,
        tuple(map(str, columns["keys"])),
        features,
        _names(columns.get("labels"), columns.get("classes")),
        str(columns.get("data", "")),
    )


def _names(labels: np.ndarray | None, classes: np.ndarray | None) -> tuple[str, ...] | None:
    """The class name of each picture; numbers stand for themselves where there are no names."""
    if labels is None:
        return None
    known = [] if classes is None else list(map(str, classes))
    names = []
    for label in labels.tolist():
        # -1 stands for a picture without a label.
        if label < 0:
            names.append("")
        else:
            names.append(known[label] if known else str(label))
    return tuple(names)


def _read_parquet(path: Path) -> FeatureTable:
    try:
        import pyarrow.parquet
    except ImportError as error:
        raise MaskwrightError(
            "Parquet needs another package: pip install 'maskwright[parquet]'; .npz needs none."
        ) from error
    table = pyarrow.parquet.read_table(path)
    # Brought to the names of .npz, whose columns hold all pictures; here a row is a picture.
    about = {key.decode(): value.decode() for key, value in (table.schema.metadata or {}).items()}
    columns: dict[str, Any] = {"data": about.get("data", "")}
    names = {"key": "keys", "label": "labels"}
    for name in ("key", "label"):
        if name in table.column_names:
            columns[names[name]] = np.array(table[name].to_pylist())
    if "features" in table.column_names:
        columns["features"] = np.array(table["features"].to_pylist(), dtype=np.float32)
    if "classes" in about:
        # Parquet keeps text alone beside its columns: a class a line.
        columns["classes"] = np.array(about["classes"].split("\n"))
    return _table(path, columns)
