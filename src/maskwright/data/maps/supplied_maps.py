"""The user's own maps: pictures of masks or of part numbers, named like the pictures."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path, PurePosixPath

import numpy as np
from PIL import Image

from maskwright.data.maps.map_writer import MapPlan
from maskwright.data.maps.originals import Original, draw_each
from maskwright.data.pixels.deep_pixels import is_deep
from maskwright.data.pixels.open_image import open_image
from maskwright.data.sources.archives import is_archive, open_archive
from maskwright.data.sources.folder import open_folder
from maskwright.data.sources.picture_files import PictureFiles
from maskwright.support.errors import MaskwrightError


@dataclass(frozen=True, kw_only=True)
class MapFiles:
    """PNG files, found for a picture by its path without ending, else by its name without ending.

    folder: where they lie; an archive too.
    """

    folder: str

    @cached_property
    def files(self) -> PictureFiles:
        path = Path(self.folder).expanduser()
        opener = open_archive if is_archive(path) else open_folder
        return opener(path, pattern="**/*.png")

    def values(self, original: Original) -> np.ndarray:
        """The window of the map of a picture, as its raw values; palette numbers stay.

        Raises MaskwrightError when there is none.
        """
        key = self._key(original.key)
        with open_image(io.BytesIO(self.files.storage.read_bytes(key))) as opened:
            values = np.asarray(opened if is_numbers(opened) else opened.convert("L"))
        height, width = original.source.size(original.index)
        aspect = values.shape[0] / values.shape[1]
        # Maps may be smaller than their pictures; 2 % is what rounding of small ones makes.
        if abs(aspect - height / width) > 0.02 * aspect:
            raise MaskwrightError(
                f"The map '{key}' in '{self.folder}' is {values.shape[0]}x{values.shape[1]}, its"
                f" picture '{original.key}' {height}x{width}; maps have the shape of their"
                " pictures."
            )
        return original.cut(values)

    def _key(self, picture: str) -> str:
        key = self.find(picture)
        if key is None:
            raise MaskwrightError(
                f"'{self.folder}' has no map for the picture '{picture}': looked for"
                f" {PurePosixPath(picture).stem}.png."
            )
        return key

    def find(self, picture: str) -> str | None:
        """The file of the map of a picture, or None."""
        stem = str(PurePosixPath(picture).with_suffix(""))
        # The path decides; a bare name only where a single file has it.
        return self._by_path.get(stem) or self._by_name.get(PurePosixPath(stem).name)

    @cached_property
    def _by_path(self) -> dict[str, str]:
        return {str(PurePosixPath(key).with_suffix("")): key for key in self.files.keys}

    @cached_property
    def _by_name(self) -> dict[str, str]:
        """By name alone, without names that occur in several folders."""
        names: dict[str, list[str]] = {}
        for key in self.files.keys:
            names.setdefault(PurePosixPath(key).stem, []).append(key)
        return {name: keys[0] for name, keys in names.items() if len(keys) == 1}


def is_numbers(opened: Image.Image) -> bool:
    """Whether the pixels of a map are numbers as they stand, and no colors."""
    # Converted to 8 bits, Pillow would cut 16-bit values at 255.
    return opened.mode in ("P", "L", "1") or is_deep(opened)


@dataclass(frozen=True, kw_only=True)
class SuppliedForeground:
    """Masks drawn by hand or by another program: black is background, white foreground.

    file: their folder or .zip.
    """

    file: str

    def plan(self) -> MapPlan:
        return MapPlan(
            name="foreground",
            kind="share",
            made=f"masks in {self.file} ({self._maps.files.fingerprint})",
        )

    def draw(self, originals: Sequence[Original]) -> list[np.ndarray]:
        return draw_each(originals, self._draw)

    def _draw(self, original: Original) -> np.ndarray:
        return original.fit_share(_to_share(self._maps.values(original)))

    @cached_property
    def _maps(self) -> MapFiles:
        return MapFiles(folder=self.file)


@dataclass(frozen=True, kw_only=True)
class SuppliedParts:
    """Label maps: each pixel is the number of its part.

    file: their folder or .zip.
    classes: a CSV file of id,name; by default classes.csv beside the maps.
    only: the parts to keep, all by default.
    """

    file: str
    classes: str | None = None
    only: tuple[str, ...] | list[str] = ()

    def plan(self) -> MapPlan:
        made = f"label maps in {self.file} ({self._maps.files.fingerprint})"
        return MapPlan(name="parts", kind="labels", parts=tuple(self._numbers), made=made)

    def draw(self, originals: Sequence[Original]) -> list[np.ndarray]:
        return draw_each(originals, self._draw)

    def _draw(self, original: Original) -> np.ndarray:
        values = self._maps.values(original)
        if values.max() > 255:
            raise MaskwrightError(
                f"The label map of '{original.key}' in '{self.file}' holds {values.max()}; parts"
                " have numbers up to 255."
            )
        # From numbers in the files to 1, 2, ... in the order of the table; others are no part.
        in_files = list(self._numbers.values())
        table = np.zeros(256, dtype=np.uint8)
        table[in_files] = np.arange(1, len(in_files) + 1)
        return original.fit_labels(table[values])

    @cached_property
    def _maps(self) -> MapFiles:
        return MapFiles(folder=self.file)

    @cached_property
    def _numbers(self) -> dict[str, int]:
        """The number of each part that is kept, by name."""
        rows = list(csv.DictReader(io.StringIO(self._class_table())))
        numbers: dict[str, int] = {}
        try:
            for row in rows:
                # A slash would make another name of parts/NAME.
                name = row["name"].strip().replace("/", "_")
                numbers[name] = int(row["id"])
        except (KeyError, ValueError, AttributeError) as error:
            raise MaskwrightError(
                "The table of parts has columns id and name, and ids are whole numbers."
            ) from error
        unknown = [name for name in self.only if name not in numbers]
        are_bytes = all(0 <= number <= 255 for number in numbers.values())
        if unknown or not are_bytes:
            first = unknown[0] if unknown else "?"
            raise MaskwrightError(
                f"The table of parts has ids 0 to 255 and no '{first}'; its parts:"
                f" {', '.join(numbers)}."
            )
        if not self.only:
            return numbers
        return {name: number for name, number in numbers.items() if name in self.only}

    def _class_table(self) -> str:
        """The text of the table: the file named, or classes.csv in the folder or archive."""
        if self.classes is not None:
            if not Path(self.classes).exists():
                raise MaskwrightError(f"The table of parts '{self.classes}' does not exist.")
            return Path(self.classes).read_text(encoding="utf-8-sig")
        # In the folder itself, or at the top of the archive.
        try:
            return self._maps.files.storage.read_bytes("classes.csv").decode("utf-8-sig")
        except OSError as error:
            raise MaskwrightError(
                f"'{self.file}' has no classes.csv (id,name); name the table:"
                f" parts(from='{self.file}', classes='FILE.csv')."
            ) from error


def _to_share(values: np.ndarray) -> np.ndarray:
    """Values of a mask as shares in [0, 1]."""
    # 0 and 1 as they are, else black to white of 8 bits, or of 16 where some lie beyond 255.
    white = next(top for top in (1, 255, 65535) if values.max() <= top)
    return values.astype(np.float32) / white
