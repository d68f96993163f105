"""Silhouettes by name: each says which points of a square lie inside.

The square reaches from -1 to 1 in both directions, and y points down.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np

Array = np.ndarray
# Takes x and y of points, in arrays of one shape, and gives booleans of that shape.
Inside = Callable[[Array, Array], Array]
Corner = tuple[float, float]


def _polygon(corners: Sequence[Corner]) -> Inside:
    """The inside of a polygon by the even-odd rule."""

    def inside(x: Array, y: Array) -> Array:
        is_in = np.zeros(x.shape, bool)
        # An edge from each corner to the next, the last one back to the first.
        ends = [*corners[1:], corners[0]]
        # A ray to the right leaves the polygon with every second edge that it crosses.
        for (x1, y1), (x2, y2) in zip(corners, ends, strict=True):
            if y1 == y2:
                continue  # a level edge is never crossed
            is_beside = (y1 > y) != (y2 > y)
            edge_x = (x2 - x1) * (y - y1) / (y2 - y1) + x1
            is_left = x < edge_x
            is_in ^= is_beside & is_left
        return is_in

    return inside


def _star() -> list[Corner]:
    """Five points, the first upward, with corners between them nearer to the center."""
    corners = []
    for corner in range(10):
        angle = math.pi * corner / 5 - math.pi / 2
        radius = 1.0 if corner % 2 == 0 else 0.42
        x = radius * math.cos(angle)
        y = radius * math.sin(angle)
        corners.append((x, y))
    return corners


def _ring(x: Array, y: Array) -> Array:
    radius = np.hypot(x, y)
    return (radius < 0.9) & (radius > 0.48)


def _crescent(x: Array, y: Array) -> Array:
    # A disk without another disk at its right.
    disk = np.hypot(x, y) < 0.95
    shadow = np.hypot(x - 0.5, y) <= 0.75
    return disk & ~shadow


def _heart(x: Array, y: Array) -> Array:
    # The curve (a^2 + b^2 - 1)^3 = a^2 b^3, scaled and moved into the square.
    across = x * 1.25
    up = -y * 1.25 + 0.12
    body: Array = across**2 + up**2 - 1
    return body**3 < across**2 * up**3


def _disk(x: Array, y: Array) -> Array:
    return np.hypot(x, y) < 0.82


_SQUARE = [
    (-0.72, -0.72),
    (0.72, -0.72),
    (0.72, 0.72),
    (-0.72, 0.72),
]
_TRIANGLE = [
    (0, -0.95),
    (0.9, 0.72),
    (-0.9, 0.72),
]
# The first half of the corners; the other half is the same, turned by 180 degrees.
_HALF_CROSS = [
    (-0.3, -0.9),
    (0.3, -0.9),
    (0.3, -0.3),
    (0.9, -0.3),
    (0.9, 0.3),
    (0.3, 0.3),
]
_CROSS = [*_HALF_CROSS, *((-x, -y) for x, y in _HALF_CROSS)]
_ARROW = [
    (0, -0.95),
    (0.8, -0.05),
    (0.32, -0.05),
    (0.32, 0.95),
    (-0.32, 0.95),
    (-0.32, -0.05),
    (-0.8, -0.05),
]
_BAR = [
    (-0.3, -0.98),
    (0.3, -0.98),
    (0.3, 0.98),
    (-0.3, 0.98),
]
# The order gives each shape its class number; a new one comes last.
OUTLINES: dict[str, Inside] = {
    "disk": _disk,
    "square": _polygon(_SQUARE),
    "triangle": _polygon(_TRIANGLE),
    "star": _polygon(_star()),
    "cross": _polygon(_CROSS),
    "ring": _ring,
    "crescent": _crescent,
    "heart": _heart,
    "arrow": _polygon(_ARROW),
    "bar": _polygon(_BAR),
}
