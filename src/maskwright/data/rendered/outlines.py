"""Silhouettes by name: each says which points of the square from -1 to 1 lie inside, y pointing
down.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np

Inside = Callable[[np.ndarray, np.ndarray], np.ndarray]


def _polygon(corners: Sequence[tuple[float, float]]) -> Inside:
    """The inside of a polygon by the even-odd rule."""

    def inside(x: np.ndarray, y: np.ndarray) -> np.ndarray:
        is_in = np.zeros(x.shape, bool)
        for (x1, y1), (x2, y2) in zip(corners, [*corners[1:], corners[0]], strict=True):
            if y1 != y2:
                is_in ^= ((y1 > y) != (y2 > y)) & (x < (x2 - x1) * (y - y1) / (y2 - y1) + x1)
        return is_in

    return inside


def _star() -> list[tuple[float, float]]:
    angles = [(math.pi * at / 5 - math.pi / 2, 1.0 if at % 2 == 0 else 0.42) for at in range(10)]
    return [(radius * math.cos(angle), radius * math.sin(angle)) for angle, radius in angles]


def _ring(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    radius = np.hypot(x, y)
    return (radius < 0.9) & (radius > 0.48)


def _crescent(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    return (np.hypot(x, y) < 0.95) & (np.hypot(x - 0.5, y) > 0.75)


def _heart(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    across, up = x * 1.25, -y * 1.25 + 0.12
    body: np.ndarray = across**2 + up**2 - 1
    return body**3 < across**2 * up**3


def _disk(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    return np.hypot(x, y) < 0.82


_CROSS = [(-0.3, -0.9), (0.3, -0.9), (0.3, -0.3), (0.9, -0.3), (0.9, 0.3), (0.3, 0.3)]
OUTLINES: dict[str, Inside] = {
    "disk": _disk,
    "square": _polygon([(-0.72, -0.72), (0.72, -0.72), (0.72, 0.72), (-0.72, 0.72)]),
    "triangle": _polygon([(0, -0.95), (0.9, 0.72), (-0.9, 0.72)]),
    "star": _polygon(_star()),
    "cross": _polygon([*_CROSS, *((-x, -y) for x, y in _CROSS)]),
    "ring": _ring,
    "crescent": _crescent,
    "heart": _heart,
    "arrow": _polygon(
        [
            (0, -0.95),
            (0.8, -0.05),
            (0.32, -0.05),
            (0.32, 0.95),
            (-0.32, 0.95),
            (-0.32, -0.05),
            (-0.8, -0.05),
        ]
    ),
    "bar": _polygon([(-0.3, -0.98), (0.3, -0.98), (0.3, 0.98), (-0.3, 0.98)]),
}
