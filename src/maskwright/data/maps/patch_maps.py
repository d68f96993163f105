"""Maps of a packed store: one byte per pixel of its pictures, such as how much of it is foreground
or which part of a face it shows.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import torch
from torch import Tensor

from maskwright.data.store.chunks import damage
from maskwright.data.store.packed import FACTS, PackedStore
from maskwright.support.errors import MaskwrightError, did_you_mean
from maskwright.support.files import hash_strings, read_json

MAP_FORMAT = 1
MAPS = "priors"
MapKind = Literal["share", "labels"]


@dataclass(frozen=True, kw_only=True, eq=False)
class PixelMap:
    """One map of every picture of a store, in a file that is mapped into memory.

    kind: `share`, where bytes 0 to 255 stand for 0 to 1, or `labels`, where a byte is a part's
        number, from 1 in the order of `parts`, and 0 is no part.
    made: how it was made.
    coverage: numbers about it, for people.
    """

    name: str
    path: Path
    kind: MapKind
    parts: tuple[str, ...]
    num_bytes: int
    made: str
    coverage: dict[str, float]

    @property
    def entries(self) -> tuple[str, ...]:
        """The names under which a batch has it: its own, or one for each part, such as
        parts/eyes.
        """
        return (
            (self.name,)
            if self.kind == "share"
            else tuple(f"{self.name}/{part}" for part in self.parts)
        )

    def picture(self, offset: int, height: int, width: int) -> Tensor:
        """The map of one picture as (H, W) uint8, a view of the mapped file; offset: in bytes of
        this file.
        """
        return self._bytes[offset : offset + height * width].view(height, width)

    def pictures(self, places: Tensor, height: int, width: int) -> Tensor:
        """Copy the maps of pictures of one size to (B, H, W) uint8; places: the pictures' numbers
        in the file.
        """
        return self._bytes.view(-1, height, width)[places]

    @cached_property
    def _bytes(self) -> Tensor:
        return torch.from_file(str(self.path), shared=False, size=self.num_bytes, dtype=torch.uint8)

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in self.__dict__.items() if name != "_bytes"}


def map_names(store: PackedStore) -> tuple[str, ...]:
    """The maps that lie beside a store's pictures."""
    return tuple(sorted(path.stem for path in (store.folder / MAPS).glob("*.json")))


def open_map(store: PackedStore, name: str) -> PixelMap:
    """Open one map of a store, whole or a subset, after checking that it belongs to its pictures
    and is undamaged.

    Raises MaskwrightError, naming the file, when it is missing, damaged or made for other pictures.
    """
    if store.live is not None:
        raise MaskwrightError(
            f"Streamed pictures have no maps, so '{name}' cannot be used; prepare a store"
            " (maskwright prepare) and train on it."
        )
    place = store.folder / MAPS / f"{name}.json"
    if name not in map_names(store):
        raise _missing(store, name, place)
    facts = read_json(place)
    if facts.get("format") != MAP_FORMAT:
        raise _unusable(place, name, f"it has format {facts.get('format')}, not {MAP_FORMAT}")
    if facts["store"] != store_stamp(store.folder):
        raise _unusable(place, name, "it was made for other pictures than those in the store")
    path = place.with_suffix(".bin")
    pixels = store.num_bytes // store.channels
    is_whole = facts["num_bytes"] == pixels
    how = (
        damage(path, facts)
        if is_whole
        else f"{path.name} has {facts['num_bytes']:,} bytes for {pixels:,} pixels"
    )
    if how is not None:
        raise _unusable(path, name, how)
    return PixelMap(
        name=name,
        path=path,
        kind=facts["kind"],
        parts=tuple(facts["parts"]),
        num_bytes=facts["num_bytes"],
        made=facts["made"],
        coverage=facts["coverage"],
    )


def store_stamp(folder: Path) -> str:
    """A hash that a store's pictures, their sizes and their order decide; maps carry it."""
    facts = read_json(folder / FACTS)
    return hash_strings(
        [
            facts["fingerprint"],
            *map(str, (facts["short_side"], facts["channels"], *facts["chunk_checksums"])),
        ]
    )


def _missing(store: PackedStore, name: str, place: Path) -> MaskwrightError:
    known = map_names(store)
    held = f"It has: {', '.join(known)}." if known else "It has none."
    return MaskwrightError(
        f"The store '{store.folder}' has no map '{name}' ({place.name} in"
        f" {MAPS}/).{did_you_mean(name, known)} {held} Make it with: maskwright prepare DATA --out"
        f" STORE --priors {name}, then use STORE as the data."
    )


def _unusable(path: Path, name: str, how: str) -> MaskwrightError:
    return MaskwrightError(
        f"The map '{path}' cannot be used: {how}. Delete it and make it again: maskwright prepare"
        f" {path.parents[1]} --priors {name}."
    )
