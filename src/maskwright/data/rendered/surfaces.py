"""Procedural textures by name: a height in any range at points measured in periods."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

# Takes x, y and a table of chance for textures that need it; gives a height for each point.
Surface = Callable[[np.ndarray, np.ndarray, np.ndarray], np.ndarray]
TABLE = 32
"""Side of the table of numbers in [0, 1) that irregular textures are made of."""
_TURN = 2 * np.pi

# tanh makes the edges between light and dark as sharp as the factor before it says, and still
# smooth enough for rendering without jagged lines.


def _stripes(x: np.ndarray, y: np.ndarray, table: np.ndarray) -> np.ndarray:
    return np.tanh(3 * np.sin(_TURN * x))


def _checks(x: np.ndarray, y: np.ndarray, table: np.ndarray) -> np.ndarray:
    # The product of two waves changes its sign across the lines of both.
    across = 6 * np.sin(_TURN * x / 1.4)
    down = np.sin(_TURN * y / 1.4)
    return np.tanh(across * down)


def _dots(x: np.ndarray, y: np.ndarray, table: np.ndarray) -> np.ndarray:
    dx = x % 1 - 0.5
    dy = y % 1 - 0.5
    from_center = np.hypot(dx, dy)
    return np.tanh(8 * (0.3 - from_center))


def _hatching(x: np.ndarray, y: np.ndarray, table: np.ndarray) -> np.ndarray:
    upright = np.cos(_TURN * x / 1.3)
    level = np.cos(_TURN * y / 1.3)
    lines = np.maximum(upright, level)
    return np.tanh(6 * (lines - 0.75))


def _waves(x: np.ndarray, y: np.ndarray, table: np.ndarray) -> np.ndarray:
    # Stripes whose middle swings from side to side.
    swing = 0.45 * np.sin(_TURN * y / 2.4)
    return np.tanh(3 * np.sin(_TURN * (x + swing)))


def _zigzag(x: np.ndarray, y: np.ndarray, table: np.ndarray) -> np.ndarray:
    # As waves, but along straight lines.
    swing = 1.5 * np.abs(y / 1.8 % 1 - 0.5)
    return np.tanh(3 * np.sin(_TURN * (x + swing)))


def _bricks(x: np.ndarray, y: np.ndarray, table: np.ndarray) -> np.ndarray:
    # Bricks are twice as long as high, and every second row is moved by half a brick.
    row = np.floor(y)
    along = x / 2 + row % 2 / 2
    from_end = np.minimum(along % 1, 1 - along % 1)
    from_side = np.minimum(y % 1, 1 - y % 1)
    from_joint = np.minimum(2 * from_end, from_side)
    return np.tanh(10 * (from_joint - 0.14))


def _circles(x: np.ndarray, y: np.ndarray, table: np.ndarray) -> np.ndarray:
    # Rings about centers that are two periods apart.
    dx = x % 2 - 1
    dy = y % 2 - 1
    radius = np.hypot(dx, dy)
    return np.tanh(3 * np.cos(_TURN * radius * 1.1))


def _clouds(x: np.ndarray, y: np.ndarray, table: np.ndarray) -> np.ndarray:
    # Two octaves; the transposed table keeps the small clouds apart from the large ones.
    large = lattice_noise(x / 1.2, y / 1.2, table)
    small = lattice_noise(x / 0.6, y / 0.6, table.T)
    return large + 0.5 * small - 0.75


def _grain(x: np.ndarray, y: np.ndarray, table: np.ndarray) -> np.ndarray:
    return lattice_noise(x * 3.1, y * 3.1, table) - 0.5


def lattice_noise(x: np.ndarray, y: np.ndarray, table: np.ndarray) -> np.ndarray:
    """Numbers at lattice points with smooth steps between them (value noise).

    It repeats after TABLE points.
    """
    left = np.floor(x).astype(int)
    top = np.floor(y).astype(int)
    across = _smooth_step(x - left)
    down = _smooth_step(y - top)

    # The numbers at the four corners of each point's cell.
    rows = (top % TABLE, (top + 1) % TABLE)
    columns = (left % TABLE, (left + 1) % TABLE)
    top_left = table[rows[0], columns[0]]
    top_right = table[rows[0], columns[1]]
    bottom_left = table[rows[1], columns[0]]
    bottom_right = table[rows[1], columns[1]]

    upper = top_left * (1 - across) + top_right * across
    lower = bottom_left * (1 - across) + bottom_right * across
    return upper * (1 - down) + lower * down


def _smooth_step(share: np.ndarray) -> np.ndarray:
    """From 0 to 1 with level ends (Perlin 1985)."""
    return share * share * (3 - 2 * share)


# The order gives each texture its class number; a new one comes last.
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
