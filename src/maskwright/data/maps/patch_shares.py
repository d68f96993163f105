"""From maps to patches: the exact mean of a map over each patch of a crop, moved and mirrored as
the pixels are.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache

import torch
import torch.nn.functional as F
from torch import Tensor

from maskwright.data.augment.transforms import CropBoxes
from maskwright.data.maps.patch_maps import PixelMap, open_map
from maskwright.data.store.packed import PackedStore
from maskwright.support.errors import MaskwrightError, did_you_mean

Move = Callable[[Tensor], Tensor]


@dataclass(frozen=True)
class _Wanted:
    """One map and those of its parts that were asked for: their names in a batch and their values
    in the map.
    """

    pixels: PixelMap
    entries: tuple[str, ...]
    values: tuple[int, ...]


class PatchShares:
    """Gives the maps of a batch of crops as shares per patch."""

    def __init__(self, store: PackedStore, maps: Sequence[str], grid: tuple[int, int]) -> None:
        """maps: names such as foreground, parts (all parts) or parts/eyes (one part); grid: rows
        and columns of patches.

        Raises MaskwrightError for a map that the store does not have or that cannot be used.
        """
        self._store, self._grid = store, grid
        self._wanted = _choose(store, maps)

    @property
    def entries(self) -> tuple[str, ...]:
        """The names in `Batch.priors`."""
        return tuple(entry for wanted in self._wanted for entry in wanted.entries)

    def of_crops(
        self,
        ids: Tensor,
        boxes: CropBoxes,
        move: Move | None = None,
        size: tuple[int, int] = (1, 1),
    ) -> dict[str, Tensor]:
        """Average each map over each patch of each crop: (B, rows * cols) float32 in [0, 1] by
        name.

        move: turns (B, 1, H, W) maps of crops of this size as their pixels were turned; the mean is
            then taken over the turned map.
        """
        gather = self._together if self._store.uniform_size is not None else self._one_by_one
        shares: dict[str, Tensor] = {}
        for wanted in self._wanted:
            values = gather(wanted, ids, boxes, self._grid if move is None else size)
            values = torch.where(boxes.flip[None, :, None, None], values.flip(-1), values)
            if move is not None:
                values = torch.stack(
                    [F.adaptive_avg_pool2d(move(one[:, None])[:, 0], self._grid) for one in values]
                )
            shares |= dict(
                zip(wanted.entries, values.clamp_(0, 1).flatten(2).contiguous(), strict=True)
            )
        return shares

    def _together(
        self, wanted: _Wanted, ids: Tensor, boxes: CropBoxes, grid: tuple[int, int]
    ) -> Tensor:
        """(entries, B, rows, cols) from pictures of one size: two matrix products for
        each entry.
        """
        store = self._store
        assert store.uniform_size is not None
        height, width = store.uniform_size
        pixels = wanted.pixels.pictures(
            store.offsets[ids] // (height * width * store.channels), height, width
        )
        rows = overlap(boxes.top, boxes.height, height, grid[0])
        cols = overlap(boxes.left, boxes.width, width, grid[1]).transpose(1, 2)
        narrow = (
            _to_planes(pixels, wanted.values).flatten(1, 2) @ cols
        )  # one large product is faster than one for each part
        return (rows[:, None] @ narrow.view(len(ids), len(wanted.values), height, -1)).transpose(
            0, 1
        )

    def _one_by_one(
        self, wanted: _Wanted, ids: Tensor, boxes: CropBoxes, grid: tuple[int, int]
    ) -> Tensor:
        """(entries, B, rows, cols) from pictures of any sizes."""
        store = self._store
        shares = torch.empty(len(wanted.values), len(ids), *grid)
        for place, (index, box) in enumerate(zip(ids.tolist(), boxes.to_list(), strict=True)):
            offset = int(store.offsets[index]) // store.channels
            pixels = wanted.pixels.picture(
                offset, int(store.heights[index]), int(store.widths[index])
            )
            part = pixels[box.top : box.top + box.height, box.left : box.left + box.width]
            rows, cols = _whole_overlap(box.height, grid[0]), _whole_overlap(box.width, grid[1]).T
            shares[:, place] = rows @ (_to_planes(part[None], wanted.values)[0] @ cols)
        return shares


def overlap(start: Tensor, length: Tensor, side: int, count: int) -> Tensor:
    """How much of each of `count` equal pieces of [start, start + length) lies in each pixel of a
    side: (B, count, side), rows sum to 1.
    """
    step = (length.double() / count)[:, None, None]
    first = start.double()[:, None, None] + step * torch.arange(count, dtype=torch.float64)[:, None]
    pixel = torch.arange(side, dtype=torch.float64)
    shared = torch.minimum(first + step, pixel + 1) - torch.maximum(first, pixel)
    return (shared.clamp(min=0) / step).float()


@lru_cache(maxsize=1024)
def _whole_overlap(length: int, count: int) -> Tensor:
    return overlap(torch.zeros(1), torch.tensor([length]), length, count)[0]


def _to_planes(pixels: Tensor, values: tuple[int, ...]) -> Tensor:
    """(B, entries, H, W) float shares of (B, H, W) bytes: the share itself, or where
    each part is.
    """
    if values == (SHARE,):
        return pixels[:, None].float() / 255
    return (pixels[:, None] == torch.tensor(values, dtype=torch.uint8)[:, None, None]).float()


SHARE = 256
"""The value that stands for the share itself; labels are at most 255."""


def _choose(store: PackedStore, maps: Sequence[str]) -> list[_Wanted]:
    """Open each map once and note which of its parts were asked for."""
    names = list(dict.fromkeys(name.split("/")[0] for name in maps))
    return [_entries_of(open_map(store, name), maps) for name in names]


def _entries_of(pixels: PixelMap, maps: Sequence[str]) -> _Wanted:
    asked = [name for name in dict.fromkeys(maps) if name.split("/")[0] == pixels.name]
    for name in asked:
        if name not in (pixels.name, *pixels.entries):
            parts = (
                f"its parts are {', '.join(pixels.parts)}" if pixels.parts else "it has no parts"
            )
            known = [entry.partition("/")[2] for entry in pixels.entries]
            raise MaskwrightError(
                f"The map '{pixels.path}' has no '{name}':"
                f" {parts}.{did_you_mean(name.partition('/')[2], known)}"
            )
    entries = (
        pixels.entries
        if pixels.name in asked
        else tuple(entry for entry in pixels.entries if entry in asked)
    )
    values = tuple(
        SHARE if pixels.kind == "share" else pixels.entries.index(entry) + 1 for entry in entries
    )
    return _Wanted(pixels, entries, values)
