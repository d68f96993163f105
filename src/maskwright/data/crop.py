"""Smart crop: square windows of wide or tall pictures that keep heads, else what stands out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

import numpy as np
from PIL import Image

from maskwright.data.maps.opencv import measure_saliency
from maskwright.data.maps.originals import Part, Window

Kept = Literal["whole", "heads", "saliency", "center"]
# Shorter sides of the shrunken pictures in which heads and saliency are looked for.
_LOOK_SIDE = 480
_SALIENCY_SIDE = 128
# A window leaves the center only for more than 5 % more saliency; less is noise.
_WORTH_MOVING = 1.05
# A head counts as held when a window has so much of its area.
_HELD = 0.95
# Guards against heads without area.
_TINY = 1e-9


class Finder(Protocol):
    """Whatever finds heads or parts of them in a picture."""

    def find(self, pixels: np.ndarray) -> list[Part]: ...


@dataclass(frozen=True)
class Choice:
    """A window of a picture and why it was chosen.

    window: the square, in pixels of the picture.
    kept: what it was chosen for.
    share: how much of the heads' area it holds, where heads were found.
    """

    window: Window
    kept: Kept
    share: float | None = None


@dataclass(frozen=True, kw_only=True)
class SmartCrop:
    """How windows are chosen.

    finders: what looks for heads; the first that finds any decides.
    windows: at most so many of each picture, more than one only for heads too far apart for one.
    saliency: whether to look for what stands out where there are no heads.
    made: what the finders are, in words; other words mean other windows.
    """

    finders: tuple[Finder, ...] = ()
    windows: int = 1
    saliency: bool = True
    made: str = ""

    def choose(self, pixels: np.ndarray) -> list[Choice]:
        """Choose the windows of a (H, W, 3) uint8 picture."""
        height, width = pixels.shape[:2]
        if height == width:
            return [Choice(Window(0, 0, height, width), "whole")]
        heads = self._heads(pixels)
        if heads:
            return keep_heads((height, width), heads, self.windows)
        center = place_window((height, width), abs(height - width) / 2)
        offset = _salient_offset(pixels) if self.saliency else None
        if offset is None:
            return [Choice(center, "center")]
        return [Choice(place_window((height, width), offset), "saliency")]

    def _heads(self, pixels: np.ndarray) -> list[Part]:
        """What the first finder that finds anything finds, looked for in a shrunken picture."""
        factor = max(1.0, min(pixels.shape[:2]) / _LOOK_SIDE)
        small = _resize(pixels, factor)
        for finder in self.finders:
            faces = [part for part in finder.find(small) if part.name == "face"]
            if faces:
                return [_as_head(face, factor) for face in faces]
        return []


def _as_head(face: Part, factor: float) -> Part:
    """A face of the shrunken picture in pixels of the whole one."""
    box = (face.x, face.y, face.width, face.height)
    return Part("head", *(value * factor for value in box))


def keep_heads(size: tuple[int, int], heads: Sequence[Part], most: int = 1) -> list[Choice]:
    """Place up to `most` square windows on a picture of (height, width).

    Each holds as much as it can of the heads that are not yet held, with heads in its middle.
    """
    total_area = max(_TINY, sum(head.area for head in heads))
    waiting = list(heads)
    choices: list[Choice] = []
    while waiting and len(choices) < most:
        offset = _best_offset(size, waiting)
        window = place_window(size, offset)
        held = [_share_inside(window, head) for head in heads]
        held_area = sum(part * head.area for part, head in zip(held, heads, strict=True))
        choices.append(Choice(window, "heads", round(held_area / total_area, 4)))
        waiting = [head for head in waiting if _share_inside(window, head) < _HELD]
    return choices


def _best_offset(size: tuple[int, int], heads: Sequence[Part]) -> float:
    """The offset along the longer side that holds the most head area.

    Of equally good offsets, the one that has those heads nearest to the middle.
    """
    side, free = min(size), abs(size[0] - size[1])
    is_tall = size[0] > size[1]
    # Only the longer side matters: each head is an interval on it.
    spans = [(head.y, head.height) if is_tall else (head.x, head.width) for head in heads]
    offsets = np.arange(free + 1, dtype=np.float64)
    # (heads, offsets): the length of each head inside the window at each offset.
    inside = np.stack([_overlap(offsets, side, start, length) for start, length in spans])
    lengths = np.array([length for _, length in spans])
    # Area per pixel of length, so that large heads weigh more.
    weights = np.array([head.area for head in heads]) / np.maximum(_TINY, lengths)
    held = weights @ inside
    # Rounding must not decide between equals.
    is_good = held >= held.max() * 0.999
    # (offsets,): the middle of the heads that are held, each by how much of it is.
    middles = np.array([start + length / 2 for start, length in spans])
    shares = weights[:, None] * inside
    middle = (shares * middles[:, None]).sum(0) / np.maximum(shares.sum(0), _TINY)
    # Where the window would begin if that lay exactly in its middle.
    centered = middle - side / 2
    away = np.where(is_good, np.abs(centered - offsets), np.inf)
    return float(offsets[away.argmin()])


def _overlap(offsets: np.ndarray, side: int, start: float, length: float) -> np.ndarray:
    """How much of [start, start + length) lies in windows of this side at these offsets."""
    last = np.minimum(offsets + side, start + length)
    return np.clip(last - np.maximum(offsets, start), 0, None)


def _salient_offset(pixels: np.ndarray) -> float | None:
    """The offset that holds the most saliency, or None when the center holds nearly as much."""
    factor = max(1.0, min(pixels.shape[:2]) / _SALIENCY_SIDE)
    saliency = measure_saliency(_resize(pixels, factor))
    # (rows, cols) -> saliency along the longer side.
    along = saliency.sum(1 if saliency.shape[0] > saliency.shape[1] else 0)
    side = min(saliency.shape)
    # Running sums: what any window holds is one difference.
    total = np.concatenate([[0.0], np.cumsum(along)])
    held = total[side:] - total[:-side]
    best = int(held.argmax())
    center = (len(held) - 1) // 2
    if held[best] <= held[center] * _WORTH_MOVING:
        return None
    return best * factor


def place_window(size: tuple[int, int], offset: float) -> Window:
    """The square of the shorter side, this far along the longer side of a (height, width)."""
    height, width = size
    side = min(size)
    free = abs(height - width)
    at = min(max(0, round(offset)), free)
    if height > width:
        return Window(at, 0, side, side)
    return Window(0, at, side, side)


def _share_inside(window: Window, head: Part) -> float:
    """The share of a head's area that lies in the window."""
    left = max(window.left, head.x)
    top = max(window.top, head.y)
    right = min(window.left + window.width, head.x + head.width)
    bottom = min(window.top + window.height, head.y + head.height)
    # Negative where they do not meet.
    across = max(0.0, right - left)
    down = max(0.0, bottom - top)
    return across * down / max(_TINY, head.area)


def _resize(pixels: np.ndarray, factor: float) -> np.ndarray:
    if factor == 1:
        return pixels
    height, width = pixels.shape[:2]
    # A strip one pixel high would vanish.
    small_height = max(1, round(height / factor))
    small_width = max(1, round(width / factor))
    picture = Image.fromarray(pixels)
    return np.asarray(picture.resize((small_width, small_height), Image.Resampling.BOX))
