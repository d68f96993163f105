"""Maps of a packed store: one byte per pixel, such as foreground or which part of a face it is."""

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
# The folder beside the pictures.
MAPS = "priors"
MapKind = Literal["share", "labels"]


@dataclass(frozen=True, kw_only=True, eq=False)
class PixelMap:
    """One map of every picture of a store, in a file that is mapped into memory.

    name: such as foreground or parts.
    path: of the file.
    kind: `share`, where bytes 0 to 255 stand for 0 to 1, or `labels`, where a byte is a part's
        number, from 1 in the order of `parts`, and 0 is no part.
    parts: the names of the labels.
    num_bytes: the size of the file; one byte for each pixel of the store.
    made: how it was made, in words.
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
        """The names under which a batch has it: its own, or one for each part (parts/eyes ...)."""
        if self.kind == "share":
            return (self.name,)
        return tuple(f"{self.name}/{part}" for part in self.parts)

    def picture(self, offset: int, height: int, width: int) -> Tensor:
        """The map of one picture as (H, W) uint8, a view of the mapped file.

        offset: where it begins in this file, in bytes.
        """
        return self._bytes[offset : offset + height * width].view(height, width)

    def pictures(self, rows: Tensor, height: int, width: int) -> Tensor:
        """Copy the maps of pictures of one size to (B, H, W) uint8.

        rows: (B,) the pictures' numbers in the file.
        """
        return self._bytes.view(-1, height, width)[rows]

    @cached_property
    def _bytes(self) -> Tensor:
        return torch.from_file(str(self.path), shared=False, size=self.num_bytes, dtype=torch.uint8)

    def __getstate__(self) -> dict[str, Any]:
        # Workers map the file themselves.
        return {name: value for name, value in self.__dict__.items() if name != "_bytes"}


def map_names(store: PackedStore) -> tuple[str, ...]:
    """The maps that lie beside a store's pictures."""
    return tuple(sorted(path.stem for path in (store.folder / MAPS).glob("*.json")))


def open_map(store: PackedStore, name: str) -> PixelMap:
    """Open one map of a store, whole or a subset.

    Raises MaskwrightError, naming the file, when it is missing, damaged or made for other pictures.
    """
    if store.live is not None:
        raise MaskwrightError(
            f"Streamed pictures have no maps, so '{name}' cannot be used; prepare a store"
            " (maskwright prepare) and train on it."
        )
    # Maps lie beside the pixels; subsets of a store use the same file.
    facts_file = store.folder / MAPS / f"{name}.json"
    # Every reason why a map cannot be used is named before the first batch.
    if name not in map_names(store):
        raise _missing(store, name, facts_file)
    facts = read_json(facts_file)
    if facts.get("format") != MAP_FORMAT:
        raise _unusable(facts_file, name, f"it has format {facts.get('format')}, not {MAP_FORMAT}")
    if facts["store"] != store_stamp(store.folder):
        raise _unusable(facts_file, name, "it was made for other pictures than those in the store")
    path = facts_file.with_suffix(".bin")
    # One byte of the map for each pixel, that is for each `channels` bytes of the store.
    pixels = store.num_bytes // store.channels
    if facts["num_bytes"] == pixels:
        defect = damage(path, facts)
    else:
        defect = f"{path.name} has {facts['num_bytes']:,} bytes for {pixels:,} pixels"
    if defect is not None:
        raise _unusable(path, name, defect)
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
    # The checksums too: a store that was packed anew from files changed in place is another.
    numbers = (facts["short_side"], facts["channels"], *facts["chunk_checksums"])
    return hash_strings([facts["fingerprint"], *map(str, numbers)])


def _missing(store: PackedStore, name: str, facts_file: Path) -> MaskwrightError:
    known = map_names(store)
    present = f"It has: {', '.join(known)}." if known else "It has none."
    return MaskwrightError(
        f"The store '{store.folder}' has no map '{name}' ({facts_file.name} in"
        f" {MAPS}/).{did_you_mean(name, known)} {present} Make it with: maskwright prepare DATA"
        f" --out STORE --priors {name}, then use STORE as the data."
    )


def _unusable(path: Path, name: str, defect: str) -> MaskwrightError:
    return MaskwrightError(
        f"The map '{path}' cannot be used: {defect}. Delete it and make it again: maskwright"
        f" prepare {path.parents[1]} --priors {name}."
    )
