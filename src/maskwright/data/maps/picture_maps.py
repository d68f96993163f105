"""The map of each picture of a store as it is filed, cut as a model sees the picture.

Maps lie beside a prepared store, or in a folder or archive of PNGs named like the pictures.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Protocol

import numpy as np
import torch
from PIL import UnidentifiedImageError

from maskwright.data.augment.transforms import CropBox, evaluation_view
from maskwright.data.maps.cut_map import cut_map
from maskwright.data.maps.patch_maps import PixelMap, map_names, open_map
from maskwright.data.maps.supplied_maps import MapFiles, is_numbers
from maskwright.data.pixels.open_image import open_image
from maskwright.data.store.packed import PackedStore
from maskwright.support.errors import MaskwrightError, did_you_mean

# Names that are given in a sentence.
_EXAMPLES = 3
# Packed pictures are whole pixels: sides of small ones are rounded by so much.
_ASPECT_TOLERANCE = 0.02


class UnusableMap(MaskwrightError):
    """A picture whose map is missing, unreadable or of another shape.

    kind: which of these, to count them by.
    """

    def __init__(self, kind: str, detail: str) -> None:
        super().__init__(detail)
        self.kind = kind


class MapSource(Protocol):
    """Where the maps of a store's pictures are."""

    def read(self, store: PackedStore, index: int) -> np.ndarray:
        """The whole map of a picture, (h, w) numbers or (h, w, 3) colors; raises UnusableMap."""


@dataclass(frozen=True)
class FiledMaps:
    """Maps in PNG files.

    files: the files by the names of the pictures.
    """

    files: MapFiles

    def read(self, store: PackedStore, index: int) -> np.ndarray:
        key = store.keys[index]
        file = self.files.find(key)
        if file is None:
            raise UnusableMap("have no map", key)
        try:
            data = self.files.files.storage.read_bytes(file)
            with open_image(io.BytesIO(data)) as opened:
                # Palette maps keep their numbers; what is colored keeps its colors.
                shown = opened if is_numbers(opened) else opened.convert("RGB")
                values = np.asarray(shown)
        except (OSError, UnidentifiedImageError, ValueError) as error:
            raise UnusableMap("have a map that cannot be read", key) from error
        return values.astype(np.uint8) if values.dtype == bool else values


@dataclass(frozen=True)
class StoredMaps:
    """Maps beside the pictures of a prepared store.

    pixels: the map, over the pictures of the whole store.
    """

    pixels: PixelMap

    def read(self, store: PackedStore, index: int) -> np.ndarray:
        height, width = int(store.heights[index]), int(store.widths[index])
        # One byte of the map for each `channels` bytes of the picture.
        offset = int(store.offsets[index]) // store.channels
        return self.pixels.picture(offset, height, width).numpy()


@dataclass(eq=False)
class CutMaps:
    """The maps of a store's pictures, cut to the part that a model sees.

    store: the pictures.
    source: where their maps are.
    size: (height, width) that the model sees.
    refused: the keys of pictures whose map cannot be used, by reason.
    """

    store: PackedStore
    source: MapSource
    size: tuple[int, int]
    refused: dict[str, dict[str, None]] = field(default_factory=dict)

    def read(self, index: int) -> np.ndarray | None:
        """The cut map of a picture at the map's own resolution; None where it cannot be used."""
        try:
            whole = self.source.read(self.store, index)
            self._check_shape(whole, index)
        except UnusableMap as error:
            self.refused.setdefault(error.kind, {})[self.store.keys[index]] = None
            return None
        return cut_map(whole, self._boxes[index], self._size_of(index))

    def notes(self) -> list[str]:
        """A sentence for each reason why maps were not used, with a count and a few names."""
        sentences = []
        for kind, keys in self.refused.items():
            names = ", ".join(list(keys)[:_EXAMPLES])
            more = " ..." if len(keys) > _EXAMPLES else ""
            sentences.append(
                f"{len(keys):,} of {len(self.store):,} pictures {kind} and are left out:"
                f" {names}{more}."
            )
        return sentences

    def _check_shape(self, whole: np.ndarray, index: int) -> None:
        height, width = self._size_of(index)
        aspect = height / width
        aspect_of_map = whole.shape[0] / whole.shape[1]
        # A pixel more or less is rounding; a small side has larger steps.
        slack = max(_ASPECT_TOLERANCE, 1.5 / min(height, width))
        if abs(aspect_of_map / aspect - 1) > slack:
            raise UnusableMap("have a map of another shape", self.store.keys[index])

    def _size_of(self, index: int) -> tuple[int, int]:
        return int(self.store.heights[index]), int(self.store.widths[index])

    @cached_property
    def _boxes(self) -> Sequence[CropBox]:
        # The view of probes has no chance, so the same box holds for the pixels and the map.
        ids = torch.arange(len(self.store))
        view = evaluation_view(self.size)
        drawn = view.draw(self.store.heights, self.store.widths, seed=0, epoch=0, sample_ids=ids)
        return drawn.to_list()


def check_place(place: str) -> None:
    """Refuse a path to maps where nothing is; names of maps are looked up later, in the store."""
    if "/" in place or Path(place).suffix:
        open_map_files(place)


def open_map_source(place: str, store: PackedStore) -> MapSource:
    """Find maps by the name of one in a prepared store, or by a folder or archive of PNGs.

    place: empty for the only map of the store.
    """
    known = map_names(store)
    if place in known:
        return StoredMaps(open_map(store, place))
    if not place and len(known) == 1:
        return StoredMaps(open_map(store, known[0]))
    if not place:
        has = f"the store has {', '.join(known)}" if known else "these pictures have none"
        raise MaskwrightError(
            f"Which maps are the truth? {has}; name one with maps=NAME, or a folder or .zip of"
            " PNGs named like the pictures with maps=FOLDER."
        )
    return FiledMaps(open_map_files(place, known))


def open_map_files(place: str, known: Sequence[str] = ()) -> MapFiles:
    """Open a folder or archive of PNGs; known: other words that could have been meant.

    Raises MaskwrightError where it does not exist.
    """
    if not Path(place).expanduser().exists():
        there = f" The maps of the store: {', '.join(known)}." if known else ""
        raise MaskwrightError(
            f"There are no maps at '{place}': it is neither a folder, nor a .zip of PNGs, nor a"
            f" map of a prepared store.{did_you_mean(place, known)}{there}"
        )
    return MapFiles(folder=place)
