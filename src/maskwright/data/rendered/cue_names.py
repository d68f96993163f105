"""What a cue-conflict picture shows, and names of categories.

It is read from the picture's name, as Geirhos et al. (2019) wrote them, or from a table.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from maskwright.support.errors import MaskwrightError, did_you_mean

# cat/cat1-elephant2.png: a cat's outline (drawing 1) with an elephant's surface (photograph 2).
_NAME = re.compile(
    r"(?:.*/)?"
    r"(?P<shape_id>(?P<shape>[A-Za-z_]+)\d*)"
    r"-(?P<texture_id>(?P<texture>[A-Za-z_]+)\d*)"
    r"\.[A-Za-z0-9]+"
)
_FILE_COLUMNS = ("file", "path", "image", "filename")
SIXTEEN = (
    *("airplane", "bear", "bicycle", "bird", "boat", "bottle", "car", "cat"),
    *("chair", "clock", "dog", "elephant", "keyboard", "knife", "oven", "truck"),
)
"""The categories of Geirhos et al. (2019)."""
OTHER_NAMES = {"plane": "airplane", "automobile": "car", "ship": "boat", "pickup_truck": "truck"}
"""Classes of STL-10, CIFAR-10 and CIFAR-100 that are one of the sixteen under another name."""
_TINY_IMAGENET = {
    "bear": "n02132136",
    "bird": "n01855672 n02002724 n02056570 n02058221",
    "boat": "n03447447 n03662601",
    "bottle": "n02823428 n03937543 n03983396",
    "car": "n02814533 n03100240 n03670208 n04285008",
    "cat": "n02123045 n02123394 n02124075",
    "chair": "n04099969",
    "dog": "n02085620 n02094433 n02099601 n02099712 n02106662 n02113799",
    "elephant": "n02504458",
    "keyboard": "n03085013",
    "truck": "n03796401 n03977966",
}
"""Classes of Tiny-ImageNet below one of the sixteen, by their names there."""


@dataclass(frozen=True)
class Cues:
    """What one picture shows.

    shape: the category that its outline is of.
    texture: the category that its surface is of.
    shape_id: the drawing that it was made of, such as cat3; empty when that is not known.
    texture_id: the surface that it was made of; empty when that is not known.
    """

    shape: str
    texture: str
    shape_id: str = ""
    texture_id: str = ""


def read_cues(keys: Sequence[str], table: str | None = None) -> list[Cues]:
    """The cues of each picture.

    keys: names of the pictures, `<shape><i>-<texture><j>.ext` where there is no table.
    table: a CSV file with columns file, shape and texture, or None.

    Raises MaskwrightError, with an example, when names do not parse or the table lacks pictures.
    """
    if table is not None:
        return _from_table(keys, table)
    matches = [_NAME.fullmatch(key) for key in keys]
    wrong = [key for key, match in zip(keys, matches, strict=True) if match is None]
    if wrong:
        raise MaskwrightError(
            f"{len(wrong):,} of {len(keys):,} cue-conflict names do not parse, for example"
            f" '{wrong[0]}': they are written <shape"
            " class>/<shape><number>-<texture><number>.<ending>, such as cat/cat1-elephant2.png."
            " Give the folder that holds them alone, or a CSV of file,shape,texture:"
            " cue-conflict(cues='FILE.csv')."
        )
    return [Cues(**match.groupdict()) for match in matches if match is not None]


def read_categories(path: str) -> dict[str, str]:
    """Read a CSV file of class,category; a class with an empty category takes no part."""
    rows = _rows(path, ("class", "category"))
    categories = {}
    for row in rows:
        categories[row["class"].strip()] = row["category"].strip()
    return categories


def usual_categories(more: Mapping[str, str]) -> dict[str, str]:
    """The category of each class that is one of the sixteen under another name.

    more: further ones, which win over those of often used sets of photographs.
    """
    by_wnid: dict[str, str] = {}
    for category, wnids in _TINY_IMAGENET.items():
        by_wnid |= dict.fromkeys(wnids.split(), category)
    return {**OTHER_NAMES, **by_wnid, **more}


def _from_table(keys: Sequence[str], table: str) -> list[Cues]:
    rows = _rows(table, ("shape", "texture"))
    column = next((name for name in _FILE_COLUMNS if name in rows[0]), None)
    if column is None:
        raise MaskwrightError(
            f"'{table}' has no column for the pictures; it needs the columns file, shape and"
            " texture."
        )
    # Pictures go by their path, or by their name alone where the table knows no such path.
    by_path: dict[str, Cues] = {}
    for row in rows:
        by_path[row[column]] = Cues(row["shape"].strip(), row["texture"].strip())
    by_name = {Path(name).name: cues for name, cues in by_path.items()}
    matched = [by_path.get(key, by_name.get(Path(key).name)) for key in keys]
    missing = [key for key, cues in zip(keys, matched, strict=True) if cues is None]
    if missing:
        raise MaskwrightError(
            f"'{table}' has no line for {len(missing):,} of {len(keys):,} pictures, for example"
            f" '{missing[0]}'."
        )
    return [cues for cues in matched if cues is not None]


def _rows(path: str, needed: Sequence[str]) -> list[dict[str, str]]:
    """The rows of a CSV file by their columns; raises MaskwrightError without the needed ones."""
    try:
        # Excel writes a mark before the first letter (utf-8-sig).
        with Path(path).open(encoding="utf-8-sig", newline="") as file:
            lines = [line for line in file if line.strip() and not line.startswith("#")]
        rows = list(csv.DictReader(lines))
    except (OSError, UnicodeDecodeError) as error:
        raise MaskwrightError(f"Cannot read the table '{path}': {error}.") from error
    if not rows:
        raise MaskwrightError(
            f"The table '{path}' has no line below its header; it needs the columns"
            f" {', '.join(needed)}."
        )
    # A line that is too short has None in its last columns.
    for name in needed:
        if any(row.get(name) is None for row in rows):
            raise MaskwrightError(
                f"'{path}' lacks the column '{name}' in some line.{did_you_mean(name, rows[0])} It"
                f" has: {', '.join(map(str, rows[0]))}."
            )
    return rows
