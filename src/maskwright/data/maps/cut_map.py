"""A rectangle of a picture, cut out of a map of it that may have another size."""

from __future__ import annotations

from typing import Protocol

import numpy as np


class Rectangle(Protocol):
    """A rectangle of a picture, in its pixels."""

    @property
    def top(self) -> int: ...

    @property
    def left(self) -> int: ...

    @property
    def height(self) -> int: ...

    @property
    def width(self) -> int: ...


def cut_map(whole: np.ndarray, box: Rectangle, size: tuple[int, int]) -> np.ndarray:
    """The box of a picture of (height, width), in the pixels of its map (H, W, ...)."""
    height, width = size
    # Pixels of the map for each pixel of the picture.
    down = whole.shape[0] / height
    across = whole.shape[1] / width
    top = round(box.top * down)
    left = round(box.left * across)
    bottom = round((box.top + box.height) * down)
    right = round((box.left + box.width) * across)
    # A coarse map still gives at least one pixel.
    bottom = max(bottom, top + 1)
    right = max(right, left + 1)
    return whole[top:bottom, left:right]
