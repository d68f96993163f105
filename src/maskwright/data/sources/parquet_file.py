"""One Parquet file with a column of pictures: what its columns hold, and an index of it."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path, PurePosixPath
from types import ModuleType
from typing import Any

import numpy as np
from PIL import UnidentifiedImageError

from maskwright.data.pixels.decode import UnreadableImage, picture_size
from maskwright.data.pixels.open_image import open_image
from maskwright.data.sources.file_names import PICTURE_EXTENSIONS, extension
from maskwright.data.sources.identity import stamp_bytes
from maskwright.data.sources.index_cache import Arrays, cached_index
from maskwright.support.errors import MaskwrightError

_INDEX_FORMAT = "1"  # of the arrays in a cached index
_ENDINGS = {"jpeg": "jpg", "mpo": "jpg"}  # names of Pillow's formats that are no usual endings


@lru_cache
def load_parquet() -> ModuleType:
    """The module pyarrow.parquet; raises MaskwrightError, with the way to get it, without one."""
    try:
        import pyarrow.parquet
    except ImportError as error:
        raise MaskwrightError(
            "Pictures in Parquet need another package: pip install 'maskwright[parquet]'."
        ) from error
    return pyarrow.parquet


@dataclass(frozen=True)
class Columns:
    """What the columns of a Parquet file hold.

    images: the columns of pictures, those of Hugging Face's type Image first.
    classes: the columns of class numbers (ClassLabel), with the names of the classes.
    others: the remaining plain columns, which may serve as labels.
    listed: every column with its type, for messages.
    """

    images: tuple[str, ...]
    classes: dict[str, tuple[str, ...]]
    others: tuple[str, ...]
    listed: str


def read_columns(path: Path) -> Columns:
    """Look at the schema of a file, and at Hugging Face's description in it where there is one.

    Raises MaskwrightError for a file that is damaged.
    """
    schema = open_parquet(path).schema_arrow
    features = _features(schema.metadata)
    images, stated, classes, others = [], [], {}, []
    for column in schema:
        feature = features.get(column.name, {})
        if feature.get("_type") == "Image":
            stated.append(column.name)
        elif _holds_bytes(column.type):
            images.append(column.name)
        elif feature.get("_type") == "ClassLabel" and isinstance(feature.get("names"), list):
            classes[column.name] = tuple(map(str, feature["names"]))
        elif column.type.num_fields == 0:
            others.append(column.name)
    listed = ", ".join(f"{column.name} ({column.type})" for column in schema)
    return Columns(tuple(stated + images), classes, tuple(others), listed)


def open_parquet(path: Path) -> Any:
    """Open a file; raises MaskwrightError when it is damaged."""
    try:
        return load_parquet().ParquetFile(path)
    except (OSError, ValueError) as error:  # pyarrow's own errors are among the two
        raise MaskwrightError(
            f"Cannot read '{path}' as Parquet: {str(error).splitlines()[0]}. Is it whole? A file of"
            " Git LFS holds an address instead of the data."
        ) from error


def index_parquet(path: Path, column: str) -> Arrays:
    """What a file's column of pictures holds, read once and kept in the cache.

    Returns arrays: rows (n,), names (n,), stamps (n,), heights (n,) and widths (n,) of the pictures
    with a readable header, broken (m,) rows of the others.
    """
    return cached_index(
        path, "parquet", f"{_INDEX_FORMAT} {column}", lambda place: _read_index(place, column)
    )


def read_labels(path: Path, column: str) -> list[Any]:
    """The cells of one column; nothing else of the file is read."""
    table = open_parquet(path).read(columns=[column], use_threads=False)
    return table.column(column).to_pylist()


def _read_index(path: Path, column: str) -> Arrays:
    rows: list[tuple[int, str, str, int, int]] = []
    broken: list[int] = []
    for row, (data, name) in enumerate(_cells(path, column)):
        try:
            if data is None:
                raise UnreadableImage(str(row), "no bytes")
            name = _file_name(data, name)
            height, width = picture_size(data, name)
        except UnreadableImage:
            # One broken picture among millions is no reason to refuse all.
            broken.append(row)
            continue
        rows.append((row, name, stamp_bytes(data), height, width))
    return {
        "rows": np.array([item[0] for item in rows], dtype=np.int64),
        "names": np.array([item[1] for item in rows], dtype=str),
        "stamps": np.array([item[2] for item in rows], dtype=str),
        "heights": np.array([item[3] for item in rows], dtype=np.int64),
        "widths": np.array([item[4] for item in rows], dtype=np.int64),
        "broken": np.array(broken, dtype=np.int64),
    }


def _cells(path: Path, column: str) -> Iterator[tuple[bytes | None, str]]:
    """The bytes and the path of every row, a row group at a time."""
    file = open_parquet(path)
    for group in range(file.num_row_groups):
        table = file.read_row_group(group, columns=[column], use_threads=False)
        for cell in table.column(column).to_pylist():
            if isinstance(cell, dict):
                yield cell.get("bytes"), str(cell.get("path") or "")
            else:
                yield cell, ""


def _file_name(data: bytes, path: str) -> str:
    """The name that a picture came with, or one with the ending of its format."""
    name = PurePosixPath(path.replace("\\", "/")).name
    if extension(name) in PICTURE_EXTENSIONS:
        return name
    try:
        with open_image(io.BytesIO(data)) as opened:
            kind = str(opened.format).lower()
    except (UnidentifiedImageError, OSError, ValueError, SyntaxError) as error:
        raise UnreadableImage(path, "the content is not a picture") from error
    return f"{name or 'picture'}.{_ENDINGS.get(kind, kind)}"


def _features(metadata: dict[bytes, bytes] | None) -> dict[str, dict[str, Any]]:
    """Hugging Face's types of the columns, which it writes beside the schema."""
    try:
        features = json.loads((metadata or {})[b"huggingface"])["info"]["features"]
    except (KeyError, TypeError, ValueError):
        return {}  # written by another program
    named = features.items() if isinstance(features, dict) else ()
    return {name: kind for name, kind in named if isinstance(kind, dict)}


def _holds_bytes(kind: Any) -> bool:
    """Whether a column is of bytes, or of struct{bytes, path}."""
    if "binary" in str(kind) and kind.num_fields == 0:
        return True
    names = [kind.field(at).name for at in range(kind.num_fields)]
    return "bytes" in names and str(kind).startswith("struct")
