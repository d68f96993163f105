"""Boxes and points of named parts by picture, read from CSV tables or COCO JSON."""

from __future__ import annotations

import csv
import io
import json
import re
import zipfile
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import Any

from maskwright.data.maps.originals import Part
from maskwright.support.errors import MaskwrightError
from maskwright.support.files import hash_strings

_FILES = ("file", "path", "image", "filename", "file_name", "image_path")
_CORNERS = ("x_min", "y_min", "x_max", "y_max")
_SIDE = re.compile(r"^(left|right)_(.+)$")
_PLURALS = {"eye": "eyes", "ear": "ears", "hand": "hands", "brow": "brows"}
_POINT_SHARE = 0.12
_LONE_POINT = 8.0


@dataclass(frozen=True)
class BoxTable:
    """The parts of each picture. place: a .csv or .json file, or one inside an archive
    (`x.zip/parts.csv`).
    """

    place: str

    @cached_property
    def by_file(self) -> dict[str, list[Part]]:
        text = self._text
        rows = (
            _read_coco(text, self.place)
            if self.place.lower().endswith(".json")
            else _read_csv(text, self.place)
        )
        table: dict[str, list[Part]] = {}
        for file, parts in rows:
            table.setdefault(file, []).extend(parts)
        return table

    @cached_property
    def names(self) -> tuple[str, ...]:
        """All parts, in the order in which they occur."""
        return tuple(dict.fromkeys(part.name for parts in self.by_file.values() for part in parts))

    @property
    def fingerprint(self) -> str:
        return hash_strings([self._text])

    def find(self, key: str) -> list[Part]:
        """The parts of a picture, found by its path, else by a file name that occurs once; none
        when it has no row.
        """
        found = self.by_file.get(key)
        return (
            found
            if found is not None
            else self.by_file.get(self._unique_names.get(PurePosixPath(key).name, ""), [])
        )

    @cached_property
    def _unique_names(self) -> dict[str, str]:
        count = Counter(PurePosixPath(file).name for file in self.by_file)
        return {
            PurePosixPath(file).name: file
            for file in self.by_file
            if count[PurePosixPath(file).name] == 1
        }

    @cached_property
    def _text(self) -> str:
        path = Path(self.place).expanduser()
        try:
            if path.exists():
                return path.read_text(encoding="utf-8-sig")
            archive = next((parent for parent in path.parents if parent.is_file()), None)
            if archive is not None:
                with zipfile.ZipFile(archive) as opened:
                    return opened.read(path.relative_to(archive).as_posix()).decode("utf-8-sig")
        except (OSError, KeyError, UnicodeDecodeError, zipfile.BadZipFile) as error:
            raise MaskwrightError(f"Cannot read the table '{self.place}': {error}.") from error
        raise MaskwrightError(f"The table '{self.place}' does not exist.")


def _read_csv(text: str, place: str) -> Iterable[tuple[str, list[Part]]]:
    """Read columns file, <part>_x,_y,_w,_h for boxes and <part>_x,_y for points; or
    x_min,y_min,x_max,y_max and perhaps part.
    """
    reader = csv.DictReader(io.StringIO(text))
    columns = list(reader.fieldnames or ())
    file = next((name for name in columns if name.lower() in _FILES), None)
    stems = [
        name.removesuffix("_x")
        for name in columns
        if name.endswith("_x") and f"{name[:-2]}_y" in columns
    ]
    has_corners = all(name in columns for name in _CORNERS)
    if file is None or not (stems or has_corners):
        raise MaskwrightError(
            f"'{place}' needs a column file and boxes as <part>_x,_y,_w,_h (points: _x,_y) or"
            f" x_min,y_min,x_max,y_max; it has: {', '.join(columns)}."
        )
    try:
        return [
            (row[file], _corners(row) if has_corners else _prefixed(row, stems)) for row in reader
        ]
    except (ValueError, TypeError) as error:
        raise MaskwrightError(
            f"'{place}' has a box that is not made of numbers: {error}."
        ) from error


def _corners(row: dict[str, str]) -> list[Part]:
    left, top, right, bottom = (float(row[name]) for name in _CORNERS)
    return [
        Part(_part_name(row.get("part") or "object"), left, top, right - left + 1, bottom - top + 1)
    ]


def _prefixed(row: dict[str, str], stems: list[str]) -> list[Part]:
    """Boxes, then points as small squares that fit the largest box."""
    parts = [
        Part(_part_name(stem), *(float(row[f"{stem}_{end}"]) for end in "xywh"))
        for stem in stems
        if f"{stem}_w" in row and row[f"{stem}_x"]
    ]
    side = _POINT_SHARE * max((part.width for part in parts), default=_LONE_POINT / _POINT_SHARE)
    points = [stem for stem in stems if f"{stem}_w" not in row and row[f"{stem}_x"]]
    return parts + [
        _square(stem, float(row[f"{stem}_x"]), float(row[f"{stem}_y"]), side) for stem in points
    ]


def _read_coco(text: str, place: str) -> Iterable[tuple[str, list[Part]]]:
    """Read images, annotations with bbox [x, y, width, height] and keypoints [x, y, visible, ...],
    categories.
    """
    try:
        facts: dict[str, Any] = json.loads(text)
        files = {one["id"]: one["file_name"] for one in facts["images"]}
        categories = {one["id"]: one for one in facts["categories"]}
        rows = [
            (files[one["image_id"]], _annotated(one, categories[one["category_id"]]))
            for one in facts["annotations"]
        ]
    except (ValueError, KeyError, TypeError) as error:
        raise MaskwrightError(
            f"'{place}' is not COCO JSON (images, annotations, categories): {error!r}."
        ) from error
    return [(file, []) for file in files.values()] + rows


def _annotated(one: dict[str, Any], category: dict[str, Any]) -> list[Part]:
    parts = [Part(_part_name(category["name"]), *map(float, one["bbox"]))] if "bbox" in one else []
    side = _POINT_SHARE * parts[0].width if parts else _LONE_POINT
    values = one.get("keypoints", [])
    named = zip(
        category.get("keypoints", []),
        zip(values[::3], values[1::3], values[2::3], strict=True),
        strict=False,
    )
    return parts + [_square(name, x, y, side) for name, (x, y, seen) in named if seen]


def _square(name: str, x: float, y: float, side: float) -> Part:
    return Part(_part_name(name), x - side / 2, y - side / 2, side, side)


def _part_name(name: str) -> str:
    """left_eye and right_eye are eyes; names become fit for parts/NAME."""
    word = name.strip().replace("/", "_").replace(" ", "_")
    sided = _SIDE.match(word)
    if sided is None:
        return word
    return _PLURALS.get(sided[2], sided[2])
