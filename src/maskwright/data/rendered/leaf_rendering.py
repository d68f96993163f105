"""Rendering a pile of leaves, from the uppermost down to the ground."""

from __future__ import annotations

import math

import numpy as np

from maskwright.data.rendered.leaves import Leaf, Scene
from maskwright.data.rendered.outlines import OUTLINES
from maskwright.data.rendered.surfaces import SURFACES, lattice_noise

_FINER = 2  # points of the render grid along each side of a pixel, against jagged edges
_OCTAVES = 4
_WAVES = np.arange(2, 6)[:, None]  # bumps around a blob
_OUTLINES = tuple(OUTLINES.values())
_SURFACES = tuple(SURFACES.values())


def render_scene(scene: Scene, size: int) -> np.ndarray:
    """Paint all leaves: (size, size, 3) bytes."""
    count = size * _FINER
    canvas = np.zeros((count, count, 3))
    steps = (np.arange(count) + 0.5) / count
    is_free = np.ones((count, count), bool)
    # From the uppermost down: what is covered already is never computed.
    for leaf in reversed(scene.leaves):
        _paint_leaf(canvas, is_free, steps, leaf, scene)
    # (G, G, 3) -> (size, size, 3): the mean of each pixel's points
    points = canvas.reshape(size, _FINER, size, _FINER, 3)
    pixels = points.mean((1, 3))
    levels = np.clip(pixels, 0, 1) * 255
    return np.rint(levels).astype(np.uint8)


def _paint_leaf(
    canvas: np.ndarray, is_free: np.ndarray, steps: np.ndarray, leaf: Leaf, scene: Scene
) -> None:
    """Paint one leaf on what is free of a canvas (G, G, 3), in place.

    is_free: (G, G) booleans, which no longer hold where the leaf lies.
    steps: (G,) the middle points along a side.
    """
    # Outlines stay within a square that is turned: its corners are the farthest points.
    reach = 1.5 * leaf.radius
    left, right = np.searchsorted(steps, (leaf.x - reach, leaf.x + reach))
    top, bottom = np.searchsorted(steps, (leaf.y - reach, leaf.y + reach))
    free = is_free[top:bottom, left:right]
    rows, columns = np.nonzero(free)
    if not len(rows):
        return

    # (points,) of the window that are free, in shares of the side from the leaf's center.
    dx = steps[left + columns] - leaf.x
    dy = steps[top + rows] - leaf.y
    # The same points on the leaf as it lay before it was turned and mirrored, in radii.
    cos = math.cos(leaf.angle)
    sin = math.sin(leaf.angle)
    x = (dx * cos + dy * sin) * leaf.flip / leaf.radius
    y = (dy * cos - dx * sin) / leaf.radius

    # From here on only the points inside.
    inside = _inside(leaf, x, y / leaf.narrow)
    rows = rows[inside]
    columns = columns[inside]
    height = _height(leaf, x[inside] * leaf.radius, y[inside] * leaf.radius, scene.table)
    # The side that faces the light is brighter, across each leaf anew, as on bodies.
    light_x = dx[inside] * math.cos(scene.light)
    light_y = dy[inside] * math.sin(scene.light)
    toward = (light_x + light_y) / leaf.radius

    surface = height[:, None] * leaf.swing  # (points, 3)
    shade = leaf.shade * toward[:, None]  # (points, 1)
    canvas[top + rows, left + columns] = leaf.color + surface + shade
    free[rows, columns] = False


def _inside(leaf: Leaf, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Which points lie inside a leaf; x and y in radii, (points,) each."""
    if leaf.outline >= 0:
        return _OUTLINES[leaf.outline](x, y)
    # A blob: its radius swings around a mean as the angle goes round.
    angle = np.arctan2(y, x)
    heights = leaf.bumps[:, 0, None]  # (4, 1)
    phases = leaf.bumps[:, 1, None]
    bumps = heights * np.cos(_WAVES * angle + phases)  # (4, points)
    edge = 0.75 + bumps.sum(0)
    is_inside: np.ndarray = np.hypot(x, y) < edge
    return is_inside


def _height(leaf: Leaf, x: np.ndarray, y: np.ndarray, table: np.ndarray) -> np.ndarray:
    """The surface at points measured in shares of the side, about within -1 and 1."""
    if leaf.surface == -2:
        return np.zeros_like(x)
    x = x / leaf.period + leaf.phase[0]
    y = y / leaf.period + leaf.phase[1]
    if leaf.surface >= 0:
        return _SURFACES[leaf.surface](x, y, table)
    # Clouds: each octave is twice as fine and half as strong, as in photographs (1 / frequency).
    total = np.zeros_like(x)
    for octave in range(_OCTAVES):
        finer = 2.0**octave
        noise = lattice_noise(x * finer, y * finer, table)
        total += (noise - 0.5) / finer
    return 1.5 * total
