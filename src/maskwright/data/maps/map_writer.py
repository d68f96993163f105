"""Writing a map beside a packed store, picture by picture in the store's order.

It can be stopped at any time and continues where it was.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from maskwright.data.maps.patch_maps import (
    MAP_FORMAT,
    MAPS,
    MapKind,
    PixelMap,
    open_map,
    store_stamp,
)
from maskwright.data.store.chunks import ChunkedFile
from maskwright.data.store.lock import exclusive
from maskwright.data.store.packed import PackedStore
from maskwright.support.errors import MaskwrightError
from maskwright.support.files import read_json, write_json

# Pictures drawn together: as many as a network takes at once.
MAP_CHUNK = 64
# A byte numbers the parts, and 0 is no part.
MOST_PARTS = 255
# (pictures done, pictures in all)
Progress = Callable[[int, int], None]
# Ids of the store -> the map of each.
Draw = Callable[[Sequence[int]], Sequence[np.ndarray]]


@dataclass(frozen=True, kw_only=True)
class MapPlan:
    """What a map is.

    name: under which it is stored and asked for.
    kind: shares or labels, see `PixelMap`.
    parts: the names of the labels.
    made: how it is made, in words that change when the result would.
    """

    name: str
    kind: MapKind
    parts: tuple[str, ...] = ()
    made: str

    def __post_init__(self) -> None:
        if not self.name.replace("_", "").isalnum():
            raise MaskwrightError(
                f"A map's name has letters, digits and _ only; got '{self.name}'."
            )
        has_duplicates = len(set(self.parts)) < len(self.parts)
        misses_parts = (self.kind == "labels") != bool(self.parts)
        if misses_parts or has_duplicates or len(self.parts) > MOST_PARTS:
            raise MaskwrightError(
                f"A map of labels names 1 to {MOST_PARTS} different parts; '{self.name}' has"
                f" {len(self.parts)}."
            )


def write_map(
    store: PackedStore, plan: MapPlan, draw: Draw, progress: Progress | None = None
) -> PixelMap:
    """Make a map of every picture of a whole store, or open it when it is there already.

    A map of that name made in another way is replaced when the new one is complete.

    draw: given ids of the store, gives the map of each picture as (H, W) uint8 at the picture's
        size.
    progress: called with (done, total) after each chunk.

    Raises MaskwrightError for a full disk.
    """
    facts_file = store.folder / MAPS / f"{plan.name}.json"
    with exclusive(facts_file.with_name(f".{plan.name}.lock")):
        if not _is_current(store, plan, facts_file):
            try:
                _build(store, plan, draw, facts_file, progress)
            except OSError as error:
                raise MaskwrightError(
                    f"Could not write the map '{facts_file.with_suffix('.bin')}':"
                    f" {error.strerror or error}. Free some space; what was made is kept, run again"
                    " to continue."
                ) from error
        return open_map(store, plan.name)


def _is_current(store: PackedStore, plan: MapPlan, facts_file: Path) -> bool:
    if not facts_file.exists() or not facts_file.with_suffix(".bin").exists():
        return False
    facts = read_json(facts_file)
    wanted = _to_facts(store, plan)
    # The file also holds what was measured, which no plan knows.
    return all(facts.get(name) == value for name, value in wanted.items())


def _to_facts(store: PackedStore, plan: MapPlan) -> dict[str, Any]:
    stamp = store_stamp(store.folder)
    return {
        "format": MAP_FORMAT,
        "store": stamp,
        "name": plan.name,
        "kind": plan.kind,
        "parts": list(plan.parts),
        "made": plan.made,
    }


def _build(
    store: PackedStore, plan: MapPlan, draw: Draw, facts_file: Path, progress: Progress | None
) -> None:
    facts = _to_facts(store, plan)
    file = ChunkedFile(facts_file.with_name(f".{plan.name}.part"), "map.bin", facts)
    borders = [*range(file.stop, len(store), MAP_CHUNK), len(store)]
    for start, stop in pairwise(borders):
        maps = draw(range(start, stop))
        for index, pixels in zip(range(start, stop), maps, strict=True):
            # A map of another size would shift all that follow it in the file.
            assert pixels.dtype == np.uint8
            assert pixels.shape == (int(store.heights[index]), int(store.widths[index]))
        data = b"".join(pixels.tobytes() for pixels in maps)
        shares_of_maps = [_shares(pixels, plan) for pixels in maps]
        file.append(data, stop, {"shares": shares_of_maps})
        if progress is not None:
            progress(stop, len(store))
    shares = np.array([row for chunk in file.chunks for row in chunk.facts["shares"]])
    sums = file.checksums()
    # From here until its facts are written the store has no such map, and never half of one.
    facts_file.unlink(missing_ok=True)
    (file.part / "map.bin").replace(facts_file.with_suffix(".bin"))
    write_json(facts_file, {**facts, **sums, "coverage": _coverage(shares, plan)})
    shutil.rmtree(file.part)


def _shares(pixels: np.ndarray, plan: MapPlan) -> list[float]:
    """The share of one picture that each entry of the map covers."""
    if plan.kind == "share":
        return [round(float(pixels.mean()) / 255, 6)]
    # Number 0 is no part.
    counts = np.bincount(pixels.ravel(), minlength=len(plan.parts) + 1)[1:]
    return (counts / pixels.size).round(6).tolist()


def _coverage(shares: np.ndarray, plan: MapPlan) -> dict[str, float]:
    """Mean share and the number of pictures without any, over the map and for each part.

    shares: (pictures, entries of the map).
    """
    total = shares.sum(1)  # (pictures,)
    numbers: dict[str, float] = {
        "mean_share": _rounded_mean(total),
        "without": _count_empty(total),
    }
    for part, column in zip(plan.parts, shares.T, strict=False):
        numbers[f"{part}: mean_share"] = _rounded_mean(column)
        numbers[f"{part}: without"] = _count_empty(column)
    return numbers


def _rounded_mean(shares: np.ndarray) -> float:
    return round(float(shares.mean()), 6)


def _count_empty(shares: np.ndarray) -> int:
    return int((shares == 0).sum())
