"""A stored picture seen in its source; maps of the source are brought to its stored size."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import torch

from maskwright.data.maps.cut_map import cut_map
from maskwright.data.maps.patch_shares import overlap
from maskwright.data.pixels.decode import DecodeOptions
from maskwright.data.sources.open import Source
from maskwright.support.environment import cpu_count


@dataclass(frozen=True)
class Window:
    """A rectangle of a picture, in its pixels."""

    top: int
    left: int
    height: int
    width: int


@dataclass(frozen=True)
class Part:
    """A named rectangle of a picture, in its pixels.

    x, y: its left and upper border.
    """

    name: str
    x: float
    y: float
    width: float
    height: float

    @property
    def area(self) -> float:
        return self.width * self.height


@dataclass(frozen=True)
class Original:
    """One picture of a store and where it comes from.

    source, index: the picture.
    window: the part of it that is stored, None for all of it.
    size: the (height, width) at which it is stored.
    """

    source: Source
    index: int
    window: Window | None
    size: tuple[int, int]

    @property
    def key(self) -> str:
        return self.source.key(self.index)

    def pixels(self, channels: int = 3) -> np.ndarray:
        """The window at the source's own resolution, (H, W, C) uint8; raises UnreadableImage."""
        whole = self.source.read(self.index, DecodeOptions(channels=channels))
        return self.cut(whole)

    def cut(self, whole: np.ndarray) -> np.ndarray:
        """The window of a map of the whole picture; the map may have another size than it."""
        if self.window is None:
            return whole
        return cut_map(whole, self.window, self.source.size(self.index))

    def fit_share(self, share: np.ndarray) -> np.ndarray:
        """Average a (h, w) map of the window, 0 to 1, over the stored pixels: uint8 (H, W)."""
        averages = _average(share, self.size).clip(0, 1)
        return np.rint(averages * 255).astype(np.uint8)

    def fit_labels(self, labels: np.ndarray) -> np.ndarray:
        """Give each stored pixel the label that fills most of it: uint8 (H, W)."""
        if labels.shape == self.size:
            return labels.astype(np.uint8)
        known = np.unique(labels)
        # (labels, H, W) shares; numbers of labels themselves must never be averaged.
        shares = np.stack([_average(labels == label, self.size) for label in known])
        return known[shares.argmax(0)].astype(np.uint8)

    def paint(self, parts: Sequence[Part], names: Sequence[str]) -> np.ndarray:
        """Paint parts as their number in `names`, counted from 1: (H, W) uint8.

        parts: in pixels of the whole picture; small ones lie over large ones.
        """
        canvas = np.zeros(self.size, dtype=np.uint8)
        height, width = self.source.size(self.index)
        window = self.window or Window(0, 0, height, width)
        down = self.size[0] / window.height
        across = self.size[1] / window.width
        # The largest first, so that eyes are not hidden by their face.
        for part in sorted(parts, key=lambda part: -part.area):
            top = (part.y - window.top) * down
            left = (part.x - window.left) * across
            rows = _covered(top, part.height * down, self.size[0])
            cols = _covered(left, part.width * across, self.size[1])
            canvas[rows, cols] = names.index(part.name) + 1
        return canvas


def draw_each(
    originals: Sequence[Original], draw: Callable[[Original], np.ndarray]
) -> list[np.ndarray]:
    """Draw the maps of several pictures on all cores."""
    # Decoding and OpenCV let threads run side by side.
    with ThreadPoolExecutor(cpu_count()) as pool:
        return list(pool.map(draw, originals))


def _average(values: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Exact area means of a (h, w) array over (H, W) equal pieces."""
    if values.shape == size:
        return values.astype(np.float32)
    # (H, h) and (W, w): how much of each piece lies in each pixel.
    rows = _shares_of_pieces(values.shape[0], size[0])
    cols = _shares_of_pieces(values.shape[1], size[1])
    numbers = torch.from_numpy(values.astype(np.float32))
    # (H, h) @ (h, w) @ (w, W)
    averages = rows @ numbers @ cols.T
    return averages.numpy()


def _shares_of_pieces(side: int, count: int) -> torch.Tensor:
    """(count, side): how much of each piece of a side lies in each of its pixels."""
    (shares,) = overlap(torch.zeros(1), torch.tensor([side]), side, count)
    return shares


def _covered(start: float, length: float, side: int) -> slice:
    """The pixels whose centers lie in [start, start + length).

    At least the one in its middle, unless that lies outside.
    """
    first = int(np.ceil(start - 0.5))
    last = int(np.ceil(start + length - 0.5))
    if last <= first:
        # A part smaller than a pixel would vanish.
        first = int(np.floor(start + length / 2))
        last = first + 1
    return slice(max(0, first), max(0, min(side, last)))
