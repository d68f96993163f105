"""Label maps of pictures as class numbers, and how much of each patch every class fills."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import numpy as np

from maskwright.data.maps.class_table import (
    IGNORED,
    ClassTable,
    pack_colors,
    read_class_table,
    table_of_values,
)
from maskwright.data.maps.picture_maps import CutMaps, FiledMaps, MapSource, StoredMaps
from maskwright.data.maps.value_maps import patch_of_pixels
from maskwright.support.errors import MaskwrightError

# More different numbers than this are measurements.
MOST_NUMBERS = 256
# Half of a byte: a pixel that is covered by half is foreground.
HALF = 128


@dataclass(eq=False)
class LabelMaps:
    """The classes of the pixels that a model sees.

    maps: the maps as they are filed.
    table: what their values mean.
    ignored: the value that stands for no class.
    unknown: pixels of values that the table does not have, by value.
    pictures_with_unknown: how many maps have such pixels, and the first of them.
    """

    maps: CutMaps
    table: ClassTable
    ignored: int | None
    unknown: Counter[str] = field(default_factory=Counter)
    pictures_with_unknown: dict[str, None] = field(default_factory=dict)

    def read(self, index: int) -> np.ndarray | None:
        """(h, w) uint8 classes of a picture, IGNORED for none; None where there is no map."""
        values = self.maps.read(index)
        if values is None:
            return None
        if self._is_share:
            return (values >= HALF).astype(np.uint8)
        classes = self.table.classes_of(values)
        self._note_unknown(values, classes, index)
        return classes

    def shares(self, index: int, grid: tuple[int, int]) -> np.ndarray | None:
        """(N, K) float32: how much of each patch every class fills; NaN where all is ignored.

        A pixel belongs to the patch that its center lies in.

        grid: (rows, cols) of the patches.
        """
        classes = self.read(index)
        if classes is None:
            return None
        shares = patch_shares(classes, grid, len(self.table.names))
        shares[shares.sum(1) == 0] = np.nan
        return shares

    def notes(self) -> list[str]:
        """Sentences about maps that were not used, and about values without a class."""
        notes = self.maps.notes()
        if self.unknown:
            value, _ = self.unknown.most_common(1)[0]
            names = list(self.pictures_with_unknown)
            notes.append(
                f"{self.unknown.total():,} pixels in {len(names):,} label maps have values that"
                f" the class table does not have (most often {value}, first in {names[0]}); they"
                " are ignored."
            )
        return notes

    @cached_property
    def _is_share(self) -> bool:
        source = self.maps.source
        return isinstance(source, StoredMaps) and source.pixels.kind == "share"

    def _note_unknown(self, values: np.ndarray, classes: np.ndarray, index: int) -> None:
        is_unknown = classes == IGNORED
        if values.ndim == 2 and self.ignored is not None:
            is_unknown &= values != self.ignored
        if not is_unknown.any():
            return
        is_color = values.ndim == 3
        numbers = pack_colors(values) if is_color else values
        found, counts = np.unique(numbers[is_unknown], return_counts=True)
        for value, count in zip(found, counts, strict=True):
            name = f"#{value:06x}" if is_color else str(value)
            self.unknown[name] += int(count)
        key = self.maps.store.keys[index]
        self.pictures_with_unknown[key] = None


def patch_shares(classes: np.ndarray, grid: tuple[int, int], num_classes: int) -> np.ndarray:
    """(N, K) float32 shares of the classes (h, w) in each patch of a (rows, cols) grid."""
    rows, cols = grid
    patch = patch_of_pixels(classes.shape[0], classes.shape[1], grid)  # (h, w)
    counted = classes != IGNORED
    # Patch and class are one number, so that a single count gives the table.
    cells = patch[counted] * num_classes + classes[counted]
    counts = np.bincount(cells, minlength=rows * cols * num_classes)
    pixels = np.bincount(patch.ravel(), minlength=rows * cols)
    table = counts.reshape(rows * cols, num_classes)
    # A map coarser than the grid leaves patches without a pixel: they say nothing.
    shares = table / pixels.clip(1)[:, None]
    return shares.astype(np.float32)


def find_table(source: MapSource, maps: CutMaps, classes: str, ignored: int | None) -> ClassTable:
    """The class table of maps: the file named, the store's own, `classes.csv` beside the maps, or
    a class for each number that is found in the maps.
    """
    if classes:
        return read_class_table(read_text_file(classes), classes).without(ignored)
    if isinstance(source, StoredMaps):
        if source.pixels.kind == "share":
            return ClassTable((0, 1), ("background", source.pixels.name))
        # Parts are numbered from 1, and 0 is no part.
        names = ("nothing", *source.pixels.parts)
        return ClassTable(tuple(range(len(names))), names)
    assert isinstance(source, FiledMaps)
    try:
        text = source.files.files.storage.read_bytes("classes.csv").decode("utf-8-sig")
    except OSError:
        return table_of_values(_values_found(maps), ignored)
    return read_class_table(text, f"{source.files.folder}/classes.csv").without(ignored)


def read_text_file(place: str) -> str:
    """The text of a table; raises MaskwrightError where there is none."""
    try:
        return Path(place).expanduser().read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise MaskwrightError(f"The class table '{place}' cannot be read: {error}.") from error


def _values_found(maps: CutMaps) -> set[int]:
    """All numbers in the maps of a store's pictures."""
    found: set[int] = set()
    for index in range(len(maps.store)):
        values = maps.read(index)
        if values is None:
            continue
        if values.ndim == 3:
            raise MaskwrightError(
                "The label maps are colored, so a class table is needed: classes=FILE.csv with"
                " columns id, name and color (#ff0000)."
            )
        found |= set(np.unique(values).tolist())
    if len(found) > MOST_NUMBERS:
        raise MaskwrightError(
            f"The label maps hold {len(found):,} different numbers, so they are no classes; for"
            " depth and other measurements use regression(maps=...)."
        )
    return found


# More different numbers than this are measurements.
MOST_NUMBERS = 256
