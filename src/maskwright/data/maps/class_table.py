"""The classes of label maps: a number, a name and perhaps a color each."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from maskwright.support.errors import MaskwrightError

IGNORED = 255
"""The value of pixels that no class is claimed for."""
MOST_CLASSES = 255
_HEX = re.compile(r"#?([0-9a-fA-F]{6})")


@dataclass(frozen=True)
class ClassTable:
    """What the pixels of label maps mean.

    numbers: the number of each class in the files.
    names: of the classes.
    colors: 0xRRGGBB of each class in maps that are colored; None where maps hold numbers.
    """

    numbers: tuple[int, ...]
    names: tuple[str, ...]
    colors: tuple[int, ...] | None = None

    def __post_init__(self) -> None:
        if not 2 <= len(self.names) <= MOST_CLASSES:
            raise MaskwrightError(
                f"Label maps need 2 to {MOST_CLASSES} classes; got {len(self.names)}"
                f" ({', '.join(self.names) or 'none'})."
            )
        if len(set(self.numbers)) < len(self.numbers):
            raise MaskwrightError("The class table gives one number to several classes.")

    def without(self, ignored: int | None) -> ClassTable:
        """The same table without the class of that number."""
        kept = [at for at, number in enumerate(self.numbers) if number != ignored]
        colors = None if self.colors is None else tuple(self.colors[at] for at in kept)
        return ClassTable(
            numbers=tuple(self.numbers[at] for at in kept),
            names=tuple(self.names[at] for at in kept),
            colors=colors,
        )

    def classes_of(self, values: np.ndarray) -> np.ndarray:
        """(h, w) numbers, or (h, w, 3) colors, as (h, w) uint8 positions in the table.

        What is not in the table becomes IGNORED.
        """
        if values.ndim == 3:
            known, places = self._by_color
            wanted = pack_colors(values)
        else:
            known, places = self._by_number
            # Signed, because what is compared with may be larger than a byte.
            wanted = values.astype(np.int64)
        # What is known is sorted: each value either stands at its place or is unknown.
        at = np.searchsorted(known, wanted)
        at = at.clip(max=len(known) - 1)
        classes = np.where(known[at] == wanted, places[at], IGNORED)
        return classes.astype(np.uint8)

    @cached_property
    def _by_number(self) -> tuple[np.ndarray, np.ndarray]:
        return _sorted(self.numbers)

    @cached_property
    def _by_color(self) -> tuple[np.ndarray, np.ndarray]:
        if self.colors is None:
            raise MaskwrightError(
                "The label maps are colored and the class table has no colors: add a column"
                " 'color' such as #ff0000, or columns r, g and b, to it."
            )
        return _sorted(self.colors)


def pack_colors(colors: np.ndarray) -> np.ndarray:
    """(h, w, 3) uint8 colors as (h, w) int64 numbers 0xRRGGBB."""
    # A byte that is shifted out of its 8 bits would be lost.
    wide = colors.astype(np.int64)
    red = wide[..., 0] << 16
    green = wide[..., 1] << 8
    return red + green + wide[..., 2]


def read_class_table(text: str, place: str) -> ClassTable:
    """Read a CSV table with columns id and name, and perhaps color (#ff0000) or r, g and b.

    place: the file, for messages.
    """
    rows = list(csv.DictReader(io.StringIO(text)))
    try:
        numbers = tuple(int(row["id"]) for row in rows)
        names = tuple(row["name"].strip() for row in rows)
        colors = [_color(row) for row in rows]
    except (KeyError, ValueError, TypeError, AttributeError) as error:
        raise MaskwrightError(
            f"The class table '{place}' cannot be read: it has columns id (a whole number) and"
            " name, and for colored maps color (#ff0000) or r, g and b (0 to 255)."
        ) from error
    # Half a table of colors would leave pixels of some classes ignored without a word.
    known = [color for color in colors if color is not None]
    if known and len(known) < len(colors):
        raise MaskwrightError(
            f"The class table '{place}' gives a color to {len(known)} of {len(colors)} classes;"
            " give one to each or to none."
        )
    return ClassTable(numbers, names, tuple(known) or None)


def table_of_values(values: set[int], ignored: int | None) -> ClassTable:
    """The table of maps that come without one: a class for each number found.

    Black and white alone are a mask, white being the foreground.
    """
    if values == {0, 255}:
        return ClassTable((0, 255), ("background", "foreground"))
    numbers = tuple(sorted(values - {ignored}))
    return ClassTable(numbers, tuple(map(str, numbers)))


def _sorted(values: tuple[int, ...]) -> tuple[np.ndarray, np.ndarray]:
    """The values in rising order, and the place of each in the table."""
    known = np.array(values, dtype=np.int64)
    places = np.argsort(known)
    return known[places], places


def _color(row: Mapping[str, str]) -> int | None:
    """0xRRGGBB of a row, or None where it names no color."""
    if row.get("color"):
        found = _HEX.fullmatch(row["color"].strip())
        if found is None:
            raise ValueError(row["color"])
        return int(found[1], 16)
    if not row.get("r"):
        return None
    red, green, blue = (int(row[name]) for name in ("r", "g", "b"))
    if not all(0 <= part <= 255 for part in (red, green, blue)):
        raise ValueError(f"{red}, {green}, {blue}")
    return (red << 16) + (green << 8) + blue
