"""Dead leaves: a picture as a pile of shapes with surfaces, each hiding what lies below it.

Such piles have the edges, occlusions and many scales of photographs (Lee, Mumford & Huang 2001).
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from maskwright.data.rendered.outlines import OUTLINES
from maskwright.data.rendered.surfaces import SURFACES, TABLE, lattice_noise
from maskwright.support.seeding import KeyedRng

_FINER = 2  # points of the render grid along each side of a pixel, against jagged edges
_SMALLEST, _LARGEST = 0.07, 0.5  # radius of a leaf, as a share of the side
_OCTAVES = 4
_WAVES = np.arange(2, 6)[:, None]  # bumps around a blob
_OUTLINES = tuple(OUTLINES.values())
_SURFACES = tuple(SURFACES.values())
# Directions of color: brighter, from blue to red, from magenta to green.
_COLOR_AXES = np.array([[1, 1, 1], [1, 0, -1], [-0.5, 1, -0.5]])


@dataclass(frozen=True, eq=False)
class Leaf:
    """One shape with a surface; lengths are shares of the picture's side.

    x, y: its center.
    radius: half of its longer side.
    narrow: its shorter side over its longer, 0 to 1.
    angle: that it is turned by, in radians.
    flip: -1 where it is mirrored, else 1.
    outline: number in OUTLINES, or -1 for a blob.
    bumps: (4, 2) heights and phases of a blob's edge.
    surface: number in SURFACES, or -1 for clouds, or -2 for none.
    period: of the surface.
    phase: (2,) of the surface, in periods.
    color: (3,) its mean.
    swing: (3,) how far its surface swings about the mean.
    shade: how much brighter the side is that faces the light.
    """

    x: float
    y: float
    radius: float
    narrow: float
    angle: float
    flip: int
    outline: int
    bumps: np.ndarray
    surface: int
    period: float
    phase: np.ndarray
    color: np.ndarray
    swing: np.ndarray
    shade: float


@dataclass(frozen=True, eq=False)
class Scene:
    """All leaves of a picture.

    leaves: from the lowest to the uppermost.
    light: where the light comes from, an angle in radians.
    table: (TABLE, TABLE) numbers of chance, of which clouds are made.
    """

    leaves: tuple[Leaf, ...]
    light: float
    table: np.ndarray


def draw_scene(rng: KeyedRng, num_leaves: int, num_figures: int) -> Scene:
    """Decide everything about a picture.

    rng: of one picture.
    num_leaves: that lie by themselves.
    num_figures: the most groups of leaves that are mirrored about an axis.
    """
    light, share, *_ = rng.uniform(4)[0].tolist()
    ground, *leaves = _draw_leaves(rng.fork("leaves"), 1 + num_leaves)
    # The ground is a leaf that lies under everything and reaches beyond every edge.
    ground = replace(ground, x=0.5, y=0.5, radius=3.0, narrow=1.0, outline=1, period=0.5)
    figures: list[Leaf] = []
    for number in range(round(share * num_figures)):
        figures += _draw_figure(rng.fork(f"figure {number}"))
    # Every third leaf lies above the figures and hides parts of them.
    below = [leaf for at, leaf in enumerate(leaves) if at % 3]
    return Scene(
        leaves=(ground, *below, *figures, *leaves[::3]),
        light=2 * math.pi * light,
        table=rng.fork("table").uniform(TABLE, TABLE)[0].numpy(),
    )


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
    pixels = canvas.reshape(size, _FINER, size, _FINER, 3).mean((1, 3))
    return np.rint(np.clip(pixels, 0, 1) * 255).astype(np.uint8)


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
    # (points,) of the window that are free, then those of them inside
    dx, dy = steps[left + columns] - leaf.x, steps[top + rows] - leaf.y
    cos, sin = math.cos(leaf.angle), math.sin(leaf.angle)
    x = (dx * cos + dy * sin) * leaf.flip / leaf.radius
    y = (dy * cos - dx * sin) / leaf.radius
    inside = _inside(leaf, x, y / leaf.narrow)
    rows, columns = rows[inside], columns[inside]
    x, y, dx, dy = x[inside], y[inside], dx[inside], dy[inside]
    # The side that faces the light is brighter, across each leaf anew, as on bodies.
    toward = (dx * math.cos(scene.light) + dy * math.sin(scene.light)) / leaf.radius
    height = _height(leaf, x * leaf.radius, y * leaf.radius, scene.table)
    canvas[top + rows, left + columns] = (
        leaf.color + height[:, None] * leaf.swing + leaf.shade * toward[:, None]
    )
    free[rows, columns] = False


def _inside(leaf: Leaf, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Which points lie inside a leaf; x and y in radii, (points,) each."""
    if leaf.outline >= 0:
        return _OUTLINES[leaf.outline](x, y)
    # A blob: its radius swings around a mean as the angle goes round.
    angle = np.arctan2(y, x)
    heights, phases = leaf.bumps[:, 0, None], leaf.bumps[:, 1, None]
    edge = 0.75 + (heights * np.cos(_WAVES * angle + phases)).sum(0)
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
        total += (lattice_noise(x * finer, y * finer, table) - 0.5) / finer
    return 1.5 * total


def _draw_leaves(rng: KeyedRng, count: int) -> list[Leaf]:
    """Leaves anywhere, many small and few large ones, in colors that go together."""
    chances = rng.fork("chances").uniform(count, 14)[0].numpy().astype(float)
    bumps = rng.fork("bumps").uniform(count, 4, 2)[0].numpy().astype(float)
    tints = rng.fork("tints").normal(1 + count, 3)[0].numpy().astype(float)
    swings = rng.fork("swings").normal(count, 3)[0].numpy().astype(float)
    # Brightness varies most, and all leaves share a tint.
    spread = np.array([0.2, 0.07, 0.035])
    shared = 0.5 + (tints[0] * spread) @ _COLOR_AXES
    return [
        _make_leaf(row, bump, shared + (tint * spread) @ _COLOR_AXES, swing)
        for row, bump, tint, swing in zip(chances, bumps, tints[1:], swings, strict=True)
    ]


def _make_leaf(row: np.ndarray, bump: np.ndarray, color: np.ndarray, swing: np.ndarray) -> Leaf:
    """One leaf of its numbers of chance: (14,) uniform, (4, 2) uniform, (3,) color, (3,) normal."""
    x, y, size, narrow, angle, flip, is_blob, outline, surface, kind, period, *rest = row.tolist()
    # The number of leaves falls with the 2.5th power of the radius.
    radius = min(_LARGEST, _SMALLEST * (1 - size) ** (-1 / 1.5))
    # A fifth has no surface, two fifths have clouds, two fifths regular textures.
    number = -2 if kind < 0.2 else -1 if kind < 0.6 else int(surface * len(_SURFACES))
    axes = np.array([0.12, 0.04, 0.02])
    return Leaf(
        x=1.2 * x - 0.1,
        y=1.2 * y - 0.1,
        radius=radius,
        narrow=0.35 + 0.65 * narrow,
        angle=2 * math.pi * angle,
        flip=1 if flip < 0.5 else -1,
        outline=-1 if is_blob < 0.5 else int(outline * len(_OUTLINES)),
        bumps=bump * (0.12, 2 * math.pi),
        surface=number,
        period=0.04 * 8**period,
        phase=7 * np.array(rest[:2]),
        color=color,
        swing=(swing * axes) @ _COLOR_AXES,
        shade=0.25 * rest[2],
    )


def _draw_figure(rng: KeyedRng) -> Iterator[Leaf]:
    """A body with two to five pairs of parts, mirrored about an axis, in two coats."""
    x, y, size, angle, count = rng.uniform(5)[0].tolist()
    body, *parts = _draw_leaves(rng, 1 + round(2 + 3 * count))
    radius = 0.12 + 0.2 * size
    lean = 0.8 * (angle - 0.5)
    center = np.array([0.15 + 0.7 * x, 0.15 + 0.7 * y])
    yield replace(body, x=center[0], y=center[1], radius=radius, angle=lean, period=0.1)
    coat = parts[0]
    for part in parts:
        along = (part.y - 0.5) * 2 * radius
        aside = abs(part.x - 0.5) * 2 * radius
        for side in (-1, 1):
            # The mirrored part lies at the other side, and turns the other way.
            yield replace(
                part,
                x=center[0] + side * aside * math.cos(lean) - along * math.sin(lean),
                y=center[1] + side * aside * math.sin(lean) + along * math.cos(lean),
                radius=radius * (0.2 + 0.4 * part.narrow),
                angle=lean + side * part.angle,
                flip=side,
                surface=coat.surface,
                color=coat.color,
                swing=coat.swing,
            )
