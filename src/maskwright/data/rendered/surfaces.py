"""Procedural textures by name: a height in any range at points measured in periods, with a table of
chance for those that need it.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

Surface = Callable[[np.ndarray, np.ndarray, np.ndarray], np.ndarray]
TABLE = 32
"""Side of the table of numbers in [0, 1) that irregular textures are made of."""
_TURN = 2 * np.pi


def _stripes(x: np.ndarray, y: np.ndarray, table: np.ndarray) -> np.ndarray:
    return np.tanh(3 * np.sin(_TURN * x))


def _checks(x: np.ndarray, y: np.ndarray, table: np.ndarray) -> np.ndarray:
    return np.tanh(6 * np.sin(_TURN * x / 1.4) * np.sin(_TURN * y / 1.4))


def _dots(x: np.ndarray, y: np.ndarray, table: np.ndarray) -> np.ndarray:
    return np.tanh(8 * (0.3 - np.hypot(x % 1 - 0.5, y % 1 - 0.5)))


def _hatching(x: np.ndarray, y: np.ndarray, table: np.ndarray) -> np.ndarray:
    lines = np.maximum(np.cos(_TURN * x / 1.3), np.cos(_TURN * y / 1.3))
    return np.tanh(6 * (lines - 0.75))


def _waves(x: np.ndarray, y: np.ndarray, table: np.ndarray) -> np.ndarray:
    return np.tanh(3 * np.sin(_TURN * (x + 0.45 * np.sin(_TURN * y / 2.4))))


def _zigzag(x: np.ndarray, y: np.ndarray, table: np.ndarray) -> np.ndarray:
    return np.tanh(3 * np.sin(_TURN * (x + 1.5 * np.abs(y / 1.8 % 1 - 0.5))))


def _bricks(x: np.ndarray, y: np.ndarray, table: np.ndarray) -> np.ndarray:
    row = np.floor(y)
    along = x / 2 + row % 2 / 2
    from_joint = np.minimum(2 * np.minimum(along % 1, 1 - along % 1), np.minimum(y % 1, 1 - y % 1))
    return np.tanh(10 * (from_joint - 0.14))


def _circles(x: np.ndarray, y: np.ndarray, table: np.ndarray) -> np.ndarray:
    radius = np.hypot(x % 2 - 1, y % 2 - 1)
    return np.tanh(3 * np.cos(_TURN * radius * 1.1))


def _clouds(x: np.ndarray, y: np.ndarray, table: np.ndarray) -> np.ndarray:
    return (
        _lattice_noise(x / 1.2, y / 1.2, table)
        + 0.5 * _lattice_noise(x / 0.6, y / 0.6, table.T)
        - 0.75
    )


def _grain(x: np.ndarray, y: np.ndarray, table: np.ndarray) -> np.ndarray:
    return _lattice_noise(x * 3.1, y * 3.1, table) - 0.5


def _lattice_noise(x: np.ndarray, y: np.ndarray, table: np.ndarray) -> np.ndarray:
    """Numbers at lattice points with smooth steps between them (Perlin's value noise), repeating
    after TABLE points.
    """
    left, top = np.floor(x).astype(int), np.floor(y).astype(int)
    across, down = (share * share * (3 - 2 * share) for share in (x - left, y - top))
    corners = [
        [table[(top + row) % TABLE, (left + column) % TABLE] for column in (0, 1)] for row in (0, 1)
    ]
    upper, lower = (pair[0] * (1 - across) + pair[1] * across for pair in corners)
    return upper * (1 - down) + lower * down


SURFACES: dict[str, Surface] = {
    "stripes": _stripes,
    "checks": _checks,
    "dots": _dots,
    "hatching": _hatching,
    "waves": _waves,
    "zigzag": _zigzag,
    "bricks": _bricks,
    "circles": _circles,
    "clouds": _clouds,
    "grain": _grain,
}
