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
from itertools import chain
from pathlib import Path, PurePosixPath
from typing import Any

from maskwright.data.maps.originals import Part
from maskwright.support.errors import MaskwrightError
from maskwright.support.files import hash_strings

# Names of the column that names the picture.
_FILES = ("file", "path", "image", "filename", "file_name", "image_path")
_CORNERS = ("x_min", "y_min", "x_max", "y_max")
# Left and right parts are one part: masks do not tell them apart.
_SIDE = re.compile(r"^(left|right)_(.+)$")
_PLURALS = {"eye": "eyes", "ear": "ears", "hand": "hands", "brow": "brows"}
# A point becomes a square: a share of the largest box beside it, or so many pixels without any.
_POINT_SHARE = 0.12
_LONE_POINT = 8.0


@dataclass(frozen=True)
class BoxTable:
    """The parts of each picture.

    file: a .csv or .json file, or one inside an archive (`x.zip/parts.csv`).
    """

    file: str

    @cached_property
    def by_file(self) -> dict[str, list[Part]]:
        text = self._text
        if self.file.lower().endswith(".json"):
            rows = _read_coco(text, self.file)
        else:
            rows = _read_csv(text, self.file)
        # A picture may have several rows.
        table: dict[str, list[Part]] = {}
        for picture, parts in rows:
            table.setdefault(picture, []).extend(parts)
        return table

    @cached_property
    def names(self) -> tuple[str, ...]:
        """All parts, in the order in which they occur."""
        every = chain.from_iterable(self.by_file.values())
        return tuple(dict.fromkeys(part.name for part in every))

    @property
    def fingerprint(self) -> str:
        return hash_strings([self._text])

    def find(self, key: str) -> list[Part]:
        """The parts of a picture; none when it has no row.

        Found by its path, else by a file name that occurs once.
        """
        parts = self.by_file.get(key)
        if parts is not None:
            return parts
        name = PurePosixPath(key).name
        file = self._unique_names.get(name, "")
        return self.by_file.get(file, [])

    @cached_property
    def _unique_names(self) -> dict[str, str]:
        """The path of each file by its name, without names that occur twice."""
        names = [PurePosixPath(file).name for file in self.by_file]
        count = Counter(names)
        files = zip(names, self.by_file, strict=True)
        return {name: file for name, file in files if count[name] == 1}

    @cached_property
    def _text(self) -> str:
        path = Path(self.file).expanduser()
        try:
            if path.exists():
                return path.read_text(encoding="utf-8-sig")
            # A path that goes on behind a file is meant to lie inside that archive.
            archive = next((parent for parent in path.parents if parent.is_file()), None)
            if archive is not None:
                inside = path.relative_to(archive).as_posix()
                with zipfile.ZipFile(archive) as opened:
                    return opened.read(inside).decode("utf-8-sig")
        except (OSError, KeyError, UnicodeDecodeError, zipfile.BadZipFile) as error:
            raise MaskwrightError(f"Cannot read the table '{self.file}': {error}.") from error
        raise MaskwrightError(f"The table '{self.file}' does not exist.")


def _read_csv(text: str, table: str) -> Iterable[tuple[str, list[Part]]]:
    """Read the picture and the parts of each row.

    Columns: file, then <part>_x,_y,_w,_h for boxes and <part>_x,_y for points; or x_min, y_min,
    x_max, y_max and perhaps part.
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
            f"'{table}' needs a column file and boxes as <part>_x,_y,_w,_h (points: _x,_y) or"
            f" x_min,y_min,x_max,y_max; it has: {', '.join(columns)}."
        )
    rows = []
    try:
        for row in reader:
            parts = _corners(row) if has_corners else _prefixed(row, stems)
            rows.append((row[file], parts))
        return rows
    except (ValueError, TypeError) as error:
        raise MaskwrightError(
            f"'{table}' has a box that is not made of numbers: {error}."
        ) from error


def _corners(row: dict[str, str]) -> list[Part]:
    left, top, right, bottom = (float(row[name]) for name in _CORNERS)
    name = _part_name(row.get("part") or "object")
    # Corners are pixels that belong to the box, so the last one counts too.
    width = right - left + 1
    height = bottom - top + 1
    return [Part(name, left, top, width, height)]


def _prefixed(row: dict[str, str], stems: list[str]) -> list[Part]:
    """Boxes, then points as small squares that fit the largest box."""
    # An empty cell says that this picture does not show the part.
    shown = [stem for stem in stems if row[f"{stem}_x"]]
    boxes = [stem for stem in shown if f"{stem}_w" in row]
    points = [stem for stem in shown if f"{stem}_w" not in row]

    parts = []
    for stem in boxes:
        numbers = [float(row[f"{stem}_{end}"]) for end in "xywh"]
        parts.append(Part(_part_name(stem), *numbers))

    side = _LONE_POINT
    if parts:
        side = _POINT_SHARE * max(part.width for part in parts)
    for stem in points:
        x = float(row[f"{stem}_x"])
        y = float(row[f"{stem}_y"])
        parts.append(_square(stem, x, y, side))
    return parts


def _read_coco(text: str, table: str) -> Iterable[tuple[str, list[Part]]]:
    """Read images, categories, and annotations with their boxes and keypoints.

    A box is [x, y, width, height], keypoints are [x, y, visible, ...].
    """
    try:
        facts: dict[str, Any] = json.loads(text)
        files = {image["id"]: image["file_name"] for image in facts["images"]}
        categories = {category["id"]: category for category in facts["categories"]}
        rows = []
        for annotation in facts["annotations"]:
            parts = _annotated(annotation, categories[annotation["category_id"]])
            rows.append((files[annotation["image_id"]], parts))
    except (ValueError, KeyError, TypeError) as error:
        raise MaskwrightError(
            f"'{table}' is not COCO JSON (images, annotations, categories): {error!r}."
        ) from error
    # Pictures without annotations are known, and have no parts.
    return [(file, []) for file in files.values()] + rows


def _annotated(annotation: dict[str, Any], category: dict[str, Any]) -> list[Part]:
    parts = []
    side = _LONE_POINT
    if "bbox" in annotation:
        numbers = map(float, annotation["bbox"])
        box = Part(_part_name(category["name"]), *numbers)
        parts.append(box)
        side = _POINT_SHARE * box.width
    # A flat list of x, y and visible: 0 means that the point is not labeled.
    values = annotation.get("keypoints", [])
    points = zip(values[::3], values[1::3], values[2::3], strict=True)
    names = category.get("keypoints", [])
    for name, (x, y, visible) in zip(names, points, strict=False):
        if visible:
            parts.append(_square(name, x, y, side))
    return parts


def _square(name: str, x: float, y: float, side: float) -> Part:
    """A part around a point, of that side."""
    left = x - side / 2
    top = y - side / 2
    return Part(_part_name(name), left, top, side, side)


def _part_name(name: str) -> str:
    """left_eye and right_eye are eyes; names become fit for parts/NAME."""
    word = name.strip().replace("/", "_").replace(" ", "_")
    sided = _SIDE.match(word)
    if sided is None:
        return word
    return _PLURALS.get(sided[2], sided[2])
