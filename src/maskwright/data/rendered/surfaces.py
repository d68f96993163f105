"""Procedural textures by name: a height in any range at points measured in periods."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

Array = np.ndarray
# Takes x, y and a table of chance for textures that need it; gives a height for each point.
Surface = Callable[[Array, Array, Array], Array]
TABLE = 32
"""Side of the table of numbers in [0, 1) that irregular textures are made of."""
_TURN = 2 * np.pi

# tanh makes the edges between light and dark as sharp as the factor before it says, and still
# smooth enough for rendering without jagged lines.


def _stripes(x: Array, y: Array, table: Array) -> Array:
    wave = np.sin(_TURN * x)
    return np.tanh(3 * wave)


def _checks(x: Array, y: Array, table: Array) -> Array:
    # The product of two waves changes its sign across the lines of both.
    across = 6 * np.sin(_TURN * x / 1.4)
    down = np.sin(_TURN * y / 1.4)
    product = across * down
    return np.tanh(product)


def _dots(x: Array, y: Array, table: Array) -> Array:
    dx = x % 1 - 0.5
    dy = y % 1 - 0.5
    from_center = np.hypot(dx, dy)
    return np.tanh(8 * (0.3 - from_center))


def _hatching(x: Array, y: Array, table: Array) -> Array:
    upright = np.cos(_TURN * x / 1.3)
    level = np.cos(_TURN * y / 1.3)
    lines = np.maximum(upright, level)
    return np.tanh(6 * (lines - 0.75))


def _waves(x: Array, y: Array, table: Array) -> Array:
    # Stripes whose middle swings from side to side.
    swing = 0.45 * np.sin(_TURN * y / 2.4)
    wave = np.sin(_TURN * (x + swing))
    return np.tanh(3 * wave)


def _zigzag(x: Array, y: Array, table: Array) -> Array:
    # As waves, but along straight lines.
    from_turning = y / 1.8 % 1 - 0.5
    swing = 1.5 * np.abs(from_turning)
    wave = np.sin(_TURN * (x + swing))
    return np.tanh(3 * wave)


def _bricks(x: Array, y: Array, table: Array) -> Array:
    # Bricks are twice as long as high, and every second row is moved by half a brick.
    row = np.floor(y)
    moved = row % 2 / 2
    along = (x / 2 + moved) % 1
    across = y % 1
    from_end = np.minimum(along, 1 - along)
    from_side = np.minimum(across, 1 - across)
    from_joint = np.minimum(2 * from_end, from_side)
    return np.tanh(10 * (from_joint - 0.14))


def _circles(x: Array, y: Array, table: Array) -> Array:
    # Rings about centers that are two periods apart.
    dx = x % 2 - 1
    dy = y % 2 - 1
    radius = np.hypot(dx, dy)
    wave = np.cos(_TURN * radius * 1.1)
    return np.tanh(3 * wave)


def _clouds(x: Array, y: Array, table: Array) -> Array:
    # Two octaves; the transposed table keeps the small clouds apart from the large ones.
    large = lattice_noise(x / 1.2, y / 1.2, table)
    small = lattice_noise(x / 0.6, y / 0.6, table.T)
    return large + 0.5 * small - 0.75


def _grain(x: Array, y: Array, table: Array) -> Array:
    return lattice_noise(x * 3.1, y * 3.1, table) - 0.5


def lattice_noise(x: Array, y: Array, table: Array) -> Array:
    """Numbers at lattice points with smooth steps between them (value noise).

    It repeats after TABLE points.
    """
    left = np.floor(x).astype(int)
    top = np.floor(y).astype(int)
    across = _smooth_step(x - left)
    down = _smooth_step(y - top)

    # The four corners of each point's cell; the table goes on at its opposite side.
    right = (left + 1) % TABLE
    bottom = (top + 1) % TABLE
    left = left % TABLE
    top = top % TABLE
    upper = _between(table[top, left], table[top, right], across)
    lower = _between(table[bottom, left], table[bottom, right], across)
    return _between(upper, lower, down)


def _between(begin: Array, end: Array, share: Array) -> Array:
    """From `begin` at a share of 0 to `end` at 1."""
    return begin * (1 - share) + end * share


def _smooth_step(share: Array) -> Array:
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
