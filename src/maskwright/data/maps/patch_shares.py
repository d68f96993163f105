"""From maps to patches: the exact mean of a map over each patch of a crop."""

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
from maskwright.patches import Grid
from maskwright.support.errors import MaskwrightError, did_you_mean

# (B, 1, H, W) maps of crops -> the same, turned as the pixels were.
Move = Callable[[Tensor], Tensor]
# The value that stands for the share itself; labels are at most 255.
SHARE = 256


@dataclass(frozen=True)
class _Selection:
    """One map and those of its parts that come along.

    entries: their names in a batch.
    values: their values in the map, or SHARE.
    """

    pixels: PixelMap
    entries: tuple[str, ...]
    values: tuple[int, ...]


class PatchShares:
    """Gives the maps of a batch of crops as shares per patch."""

    def __init__(self, store: PackedStore, maps: Sequence[str], grid: Grid) -> None:
        """Open the maps.

        maps: names such as foreground, parts (all parts) or parts/eyes (one part).
        grid: the patches.

        Raises MaskwrightError for a map that the store does not have or that cannot be used.
        """
        self._store = store
        self._cells = (grid.rows, grid.cols)
        self._selections = _choose(store, maps)

    @property
    def entries(self) -> tuple[str, ...]:
        """The names in `Batch.priors`."""
        entries: list[str] = []
        for selection in self._selections:
            entries += selection.entries
        return tuple(entries)

    def of_crops(
        self,
        ids: Tensor,
        boxes: CropBoxes,
        move: Move | None = None,
        size: tuple[int, int] = (1, 1),
    ) -> dict[str, Tensor]:
        """Average each map over each patch of each crop: (B, N) float32 in [0, 1] by name.

        move: turns (B, 1, H, W) maps as the pixels of their crops were turned; the mean is then
            taken over the turned map.
        size: (height, width) of the crops, for turning them.
        """
        is_uniform = self._store.uniform_size is not None
        gather = self._together if is_uniform else self._one_by_one
        # A turned map needs its pixels; otherwise only the means of patches are computed.
        cells = self._cells if move is None else size
        is_mirrored = boxes.flip[None, :, None, None]  # (1, B, 1, 1)
        shares: dict[str, Tensor] = {}
        for selection in self._selections:
            # (entries, B, rows, cols), mirrored where the crop is.
            values = gather(selection, ids, boxes, cells)
            values = torch.where(is_mirrored, values.flip(-1), values)
            if move is not None:
                values = torch.stack([self._turn(planes, move) for planes in values])
            # (entries, B, rows, cols) -> (entries, B, N)
            flat = values.clamp_(0, 1).flatten(2).contiguous()
            shares |= dict(zip(selection.entries, flat, strict=True))
        return shares

    def _turn(self, planes: Tensor, move: Move) -> Tensor:
        """The means (B, rows, cols) over patches of (B, H, W) maps that are turned first."""
        turned = move(planes[:, None])  # (B, 1, H, W)
        return F.adaptive_avg_pool2d(turned[:, 0], self._cells)

    def _together(
        self, selection: _Selection, ids: Tensor, boxes: CropBoxes, cells: tuple[int, int]
    ) -> Tensor:
        """(entries, B, rows, cols) from pictures of one size, by two matrix products."""
        store = self._store
        assert store.uniform_size is not None
        height, width = store.uniform_size
        # Maps lie in the order of the pictures: the same row in both files.
        picture_rows = store.offsets[ids] // (height * width * store.channels)
        pixels = selection.pixels.pictures(picture_rows, height, width)
        rows = overlap(boxes.top, boxes.height, height, cells[0])
        cols = overlap(boxes.left, boxes.width, width, cells[1]).transpose(1, 2)
        # (B, entries * H, W) @ (B, W, cols): one large product is faster than one for each part.
        planes = _to_planes(pixels, selection.values)  # (B, entries, H, W)
        narrow = planes.flatten(1, 2) @ cols
        narrow = narrow.view(len(ids), len(selection.values), height, -1)
        # (B, 1, rows, H) @ (B, entries, H, cols) -> (entries, B, rows, cols)
        return (rows[:, None] @ narrow).transpose(0, 1)

    def _one_by_one(
        self, selection: _Selection, ids: Tensor, boxes: CropBoxes, cells: tuple[int, int]
    ) -> Tensor:
        """(entries, B, rows, cols) from pictures of any sizes."""
        store = self._store
        shares = torch.empty(len(selection.values), len(ids), *cells)
        for row, (index, box) in enumerate(zip(ids.tolist(), boxes.to_list(), strict=True)):
            # One byte of the map for each `channels` bytes of the picture.
            offset = int(store.offsets[index]) // store.channels
            height = int(store.heights[index])
            width = int(store.widths[index])
            pixels = selection.pixels.picture(offset, height, width)  # (H, W)
            bottom = box.top + box.height
            right = box.left + box.width
            part = pixels[box.top : bottom, box.left : right]
            (planes,) = _to_planes(part[None], selection.values)  # (entries, h, w)

            rows = _whole_overlap(box.height, cells[0])  # (rows, h)
            cols = _whole_overlap(box.width, cells[1]).T  # (w, cols)
            shares[:, row] = rows @ (planes @ cols)
        return shares


def overlap(start: Tensor, length: Tensor, side: int, count: int) -> Tensor:
    """How much of each piece of an interval lies in each pixel: (B, count, side), rows sum to 1.

    start, length: (B,) intervals [start, start + length), each cut into `count` equal pieces.
    side: how many pixels there are.
    """
    # float64, because positions in large pictures times many pieces outgrow float32.
    step = (length.double() / count)[:, None, None]  # (B, 1, 1)
    piece = torch.arange(count, dtype=torch.float64)[:, None]  # (count, 1)
    first = start.double()[:, None, None] + step * piece  # (B, count, 1)
    pixel = torch.arange(side, dtype=torch.float64)  # (side,)
    begin = torch.maximum(first, pixel)
    end = torch.minimum(first + step, pixel + 1)
    # Negative where they do not meet.
    shared = (end - begin).clamp(min=0)
    return (shared / step).float()


# Crops have few different sides, so their weights are worth keeping.
@lru_cache(maxsize=1024)
def _whole_overlap(length: int, count: int) -> Tensor:
    (weights,) = overlap(torch.zeros(1), torch.tensor([length]), length, count)
    return weights


def _to_planes(pixels: Tensor, values: tuple[int, ...]) -> Tensor:
    """(B, entries, H, W) float of (B, H, W) bytes: the share itself, or where each part is."""
    if values == (SHARE,):
        return pixels[:, None].float() / 255
    numbers = torch.tensor(values, dtype=torch.uint8)[:, None, None]  # (entries, 1, 1)
    is_part = pixels[:, None] == numbers
    return is_part.float()


def _choose(store: PackedStore, maps: Sequence[str]) -> list[_Selection]:
    """Open each map once and note which of its parts come along."""
    names = dict.fromkeys(_map_of(name) for name in maps)
    return [_entries_of(open_map(store, name), maps) for name in names]


def _map_of(name: str) -> str:
    """The map in which `parts/eyes` or `parts` lies."""
    return name.split("/")[0]


def _entries_of(pixels: PixelMap, maps: Sequence[str]) -> _Selection:
    names = [name for name in dict.fromkeys(maps) if _map_of(name) == pixels.name]
    for name in names:
        if name not in (pixels.name, *pixels.entries):
            raise _unknown_part(pixels, name)
    # The bare name stands for all parts.
    entries = pixels.entries
    if pixels.name not in names:
        entries = tuple(entry for entry in entries if entry in names)
    if pixels.kind == "share":
        values = (SHARE,) * len(entries)
    else:
        # Parts are numbered from 1.
        values = tuple(pixels.entries.index(entry) + 1 for entry in entries)
    return _Selection(pixels, entries, values)


def _unknown_part(pixels: PixelMap, name: str) -> MaskwrightError:
    parts = "it has no parts"
    if pixels.parts:
        parts = f"its parts are {', '.join(pixels.parts)}"
    known = [entry.partition("/")[2] for entry in pixels.entries]
    advice = did_you_mean(name.partition("/")[2], known)
    return MaskwrightError(f"The map '{pixels.path}' has no '{name}': {parts}.{advice}")
