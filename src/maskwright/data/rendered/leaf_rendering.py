"""Rendering a pile of leaves, from the uppermost down to the ground."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from maskwright.data.rendered.leaves import Leaf, Scene
from maskwright.data.rendered.outlines import OUTLINES
from maskwright.data.rendered.surfaces import SURFACES, lattice_noise

_FINER = 2  # points of the render grid along each side of a pixel, against jagged edges
_OCTAVES = 4
_WAVES = np.arange(2, 6)[:, None]  # bumps around a blob
_OUTLINES = tuple(OUTLINES.values())
_SURFACES = tuple(SURFACES.values())


@dataclass(frozen=True, eq=False)
class _Canvas:
    """What has been painted so far, on a grid of G x G points.

    points: (G, G, 3) colors.
    is_free: (G, G) booleans, where no leaf lies yet.
    steps: (G,) middles of the points along a side, as shares of it.
    """

    points: np.ndarray
    is_free: np.ndarray
    steps: np.ndarray

    def free_near(self, x: float, y: float, reach: float) -> tuple[np.ndarray, np.ndarray]:
        """Rows and columns of the free points in a square around (x, y)."""
        left, right = np.searchsorted(self.steps, (x - reach, x + reach))
        top, bottom = np.searchsorted(self.steps, (y - reach, y + reach))
        window = self.is_free[top:bottom, left:right]
        rows, columns = np.nonzero(window)
        return top + rows, left + columns


def render_scene(scene: Scene, size: int) -> np.ndarray:
    """Paint all leaves: (size, size, 3) bytes."""
    count = size * _FINER
    canvas = _Canvas(
        points=np.zeros((count, count, 3)),
        is_free=np.ones((count, count), bool),
        steps=(np.arange(count) + 0.5) / count,
    )
    # From the uppermost down: what is covered already is never computed.
    for leaf in reversed(scene.leaves):
        _paint_leaf(canvas, leaf, scene)
    # (G, G, 3) -> (size, size, 3): the mean of each pixel's points
    points = canvas.points.reshape(size, _FINER, size, _FINER, 3)
    pixels = points.mean((1, 3))
    levels = np.clip(pixels, 0, 1) * 255
    return np.rint(levels).astype(np.uint8)


def _paint_leaf(canvas: _Canvas, leaf: Leaf, scene: Scene) -> None:
    """Paint one leaf on what is free of a canvas."""
    # Outlines stay within a square that is turned: its corners are the farthest points.
    rows, columns = canvas.free_near(leaf.x, leaf.y, reach=1.5 * leaf.radius)
    if not len(rows):
        return

    # (points,) from the leaf's center, in shares of the side.
    dx = canvas.steps[columns] - leaf.x
    dy = canvas.steps[rows] - leaf.y
    # The same points on the leaf as it lay before it was turned and mirrored, in radii.
    cos = math.cos(leaf.angle)
    sin = math.sin(leaf.angle)
    x = (dx * cos + dy * sin) * leaf.flip / leaf.radius
    y = (dy * cos - dx * sin) / leaf.radius

    # From here on only the points inside.
    inside = _inside(leaf, x, y / leaf.narrow)
    rows = rows[inside]
    columns = columns[inside]
    along_x = x[inside] * leaf.radius
    along_y = y[inside] * leaf.radius
    height = _height(leaf, along_x, along_y, scene.table)
    # The side that faces the light is brighter, across each leaf anew, as on bodies.
    light_x = dx[inside] * math.cos(scene.light)
    light_y = dy[inside] * math.sin(scene.light)
    toward = (light_x + light_y) / leaf.radius

    surface = height[:, None] * leaf.swing  # (points, 3)
    shade = leaf.shade * toward[:, None]  # (points, 1)
    canvas.points[rows, columns] = leaf.color + surface + shade
    canvas.is_free[rows, columns] = False


def _inside(leaf: Leaf, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Which points lie inside a leaf; x and y in radii, (points,) each."""
    if leaf.outline >= 0:
        return _OUTLINES[leaf.outline](x, y)
    # A blob: its radius swings around a mean as the angle goes round.
    angle = np.arctan2(y, x)
    heights = leaf.bumps[:, 0, None]  # (4, 1)
    phases = leaf.bumps[:, 1, None]
    waves = np.cos(_WAVES * angle + phases)  # (4, points)
    bumps = heights * waves
    edge = 0.75 + bumps.sum(0)
    radius = np.hypot(x, y)
    is_inside: np.ndarray = radius < edge
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
