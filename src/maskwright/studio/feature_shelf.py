"""Files of features that the studio may read, their maps, and the pictures behind their rows."""

from __future__ import annotations

import os
import threading
import zipfile
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from maskwright.evaluation.neighbors import find_neighbors, to_directions
from maskwright.evaluation.projection import project
from maskwright.evaluation.standardize import Standardizer
from maskwright.studio.context import Studio
from maskwright.studio.folders import is_inside
from maskwright.support.errors import MaskwrightError
from maskwright.workflows.measuring.feature_files import ENDINGS
from maskwright.workflows.measuring.read_features import FeatureTable, read_features

# Files in memory at once: features of ImageNet take gigabytes.
MOST_OPEN = 2
MOST_LISTED = 200
# A larger file is for a program and not for a page.
MOST_BYTES = 2_000_000_000
_PLACES = 1000
"""Points are sent as whole numbers in [-1000, 1000]: finer than a screen."""


@dataclass(frozen=True, eq=False)
class _Opened:
    """A file of features in memory.

    table: what it holds.
    directions: (n, D) of length 1, for neighbors.
    ids: of each picture in the studio, None where it does not show it.
    """

    table: FeatureTable
    directions: Tensor
    ids: Sequence[str | None]


class FeatureShelf:
    """Files of features below the folder of runs, a few of them in memory."""

    def __init__(self, studio: Studio) -> None:
        self._studio = studio
        self._opened: OrderedDict[tuple[str, int], _Opened] = OrderedDict()
        self._maps: OrderedDict[tuple[str, int, str], np.ndarray] = OrderedDict()
        self._lock = threading.Lock()

    def listed(self) -> list[dict[str, Any]]:
        """The files of features, by their places below the folder of runs."""
        if "runs" not in self._studio.folders:
            return []
        root = self._studio.folders.root("runs")
        found: list[dict[str, Any]] = []
        for folder, folders, files in os.walk(root):
            folders[:] = sorted(name for name in folders if name[:1] != ".")
            for name in sorted(files):
                path = Path(folder) / name
                if len(found) < MOST_LISTED and _has_features(path) and is_inside(path, root):
                    place = path.relative_to(root).as_posix()
                    found.append({"file": place, "bytes": path.stat().st_size})
        return found

    def map(self, file: str, method: str) -> dict[str, Any]:
        """Every picture as a point, with its class."""
        key, opened = self._open(file)
        # t-SNE takes seconds, so a map is drawn once for everybody who looks at it.
        place = (*key, method)
        with self._lock:
            points = self._maps.get(place)
        if points is None:
            points = project(opened.table.features, method)
            with self._lock:
                self._maps[place] = points
                while len(self._maps) > 3 * MOST_OPEN:
                    self._maps.popitem(last=False)
        classes, numbers = _classes(opened.table.labels)
        # Whole numbers are a third of the letters, and 50,000 points a third of the time.
        whole = np.rint(points * _PLACES).astype(int)
        return {
            "count": len(opened.table),
            "width": opened.table.features.shape[1],
            "data": Path(opened.table.data).name,
            "x": whole[:, 0].tolist(),
            "y": whole[:, 1].tolist(),
            "classes": classes,
            "labels": numbers,
            "shown": sum(picture is not None for picture in opened.ids),
        }

    def nearest(self, file: str, row: int, count: int) -> dict[str, Any]:
        """A picture and those most like it, by cosine of standardized features."""
        _, opened = self._open(file)
        _check_row(row, opened)
        own = torch.tensor([row])
        found = find_neighbors(opened.directions[own], opened.directions, count, own)
        similar = zip(found.rows[0].tolist(), found.similarity[0].tolist(), strict=True)
        return {
            "picture": _describe(opened, row),
            "nearest": [
                {**_describe(opened, other), "similarity": round(value, 4)}
                for other, value in similar
            ],
        }

    def named(self, file: str, rows: Sequence[int]) -> list[dict[str, Any]]:
        """Names, classes and ids of some pictures."""
        _, opened = self._open(file)
        for row in rows:
            _check_row(row, opened)
        return [_describe(opened, row) for row in rows]

    def _open(self, file: str) -> tuple[tuple[str, int], _Opened]:
        """A file in memory, and what tells it from other states of itself."""
        path = self._studio.folders.inside("runs", file)
        if path.suffix not in ENDINGS or path.stat().st_size > MOST_BYTES:
            raise MaskwrightError("This is no file of features, or one over 2 GB.")
        # A file that is written anew under its name is another one.
        key = (str(path), path.stat().st_mtime_ns)
        with self._lock:
            if key not in self._opened:
                table = read_features(path)
                values = torch.from_numpy(table.features)
                directions = to_directions(values, Standardizer.fit(values))
                self._opened[key] = _Opened(table, directions, self._ids(table))
                while len(self._opened) > MOST_OPEN:
                    self._opened.popitem(last=False)
            self._opened.move_to_end(key)
            return key, self._opened[key]

    def _ids(self, table: FeatureTable) -> list[str | None]:
        """The studio's pictures by the names in a file of features, of the same data alone."""
        pictures = self._studio.pictures
        for number, place in enumerate(self._studio.settings.data):
            if not table.data or Path(place).resolve() != Path(table.data).resolve():
                continue
            # Names alone would not do: other data may have pictures of the same names.
            source = pictures.sources[number]
            known = {source.key(index): index for index in range(len(source))}
            return [f"d{number}-{known[key]}" if key in known else None for key in table.keys]
        return [None] * len(table)


def _describe(opened: _Opened, row: int) -> dict[str, Any]:
    labels = opened.table.labels
    return {
        "row": row,
        "name": opened.table.keys[row],
        "label": labels[row] if labels else "",
        "picture": opened.ids[row],
    }


def _check_row(row: int, opened: _Opened) -> None:
    if not 0 <= row < len(opened.table):
        raise MaskwrightError("There is no such picture in this file of features.")


def _classes(labels: Sequence[str] | None) -> tuple[list[str], list[int]]:
    """Names of classes, the largest first, and the number of each picture's class, -1 for none."""
    if not labels:
        return [], []
    names, counts = np.unique([label for label in labels if label], return_counts=True)
    ranked = names[np.argsort(-counts, kind="stable")].tolist()
    number = {name: at for at, name in enumerate(ranked)}
    return ranked, [number.get(label, -1) for label in labels]


def _has_features(path: Path) -> bool:
    """Whether a file looks like one that `maskwright embed` wrote; only its index is read."""
    if path.suffix == ".parquet":
        return True
    if path.suffix != ".npz":
        return False
    try:
        with zipfile.ZipFile(path) as archive:
            return {"keys.npy", "features.npy"} <= set(archive.namelist())
    except (OSError, zipfile.BadZipFile):
        return False
