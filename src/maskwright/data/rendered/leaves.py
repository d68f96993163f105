"""Dead leaves by chance: a pile of shapes with surfaces, each hiding what lies below it.

Such piles have the edges, occlusions and many scales of photographs (Lee, Mumford & Huang 2001).
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from torch import Tensor

from maskwright.data.rendered.outlines import OUTLINES
from maskwright.data.rendered.surfaces import SURFACES, TABLE
from maskwright.support.seeding import KeyedRng

_SMALLEST, _LARGEST = 0.07, 0.5  # radius of a leaf, as a share of the side
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
    ground = replace(
        ground,
        x=0.5,
        y=0.5,
        radius=3.0,
        narrow=1.0,
        outline=1,
        period=0.5,
    )
    figures: list[Leaf] = []
    for number in range(round(share * num_figures)):
        figures += _draw_figure(rng.fork(f"figure {number}"))
    # Every third leaf lies above the figures and hides parts of them.
    above = leaves[::3]
    below = [leaf for at, leaf in enumerate(leaves) if at % 3]
    table = rng.fork("table").uniform(TABLE, TABLE)[0]
    return Scene(
        leaves=(ground, *below, *figures, *above),
        light=2 * math.pi * light,
        table=table.numpy(),
    )


def _draw_leaves(rng: KeyedRng, count: int) -> list[Leaf]:
    """Leaves anywhere, many small and few large ones, in colors that go together."""
    chances = _to_numpy(rng.fork("chances").uniform(count, 14))
    bumps = _to_numpy(rng.fork("bumps").uniform(count, 4, 2))
    tints = _to_numpy(rng.fork("tints").normal(1 + count, 3))
    swings = _to_numpy(rng.fork("swings").normal(count, 3))
    # Brightness varies most, and all leaves share a tint.
    spread = np.array([0.2, 0.07, 0.035])
    shared, *own = (tints * spread) @ _COLOR_AXES  # (3,) each
    leaves = []
    for row, bump, tint, swing in zip(chances, bumps, own, swings, strict=True):
        color = 0.5 + shared + tint
        leaves.append(_make_leaf(row, bump, color, swing))
    return leaves


def _to_numpy(drawn: Tensor) -> np.ndarray:
    """What was drawn for the one picture of a stream, in double precision."""
    (of_picture,) = drawn.numpy()
    return of_picture.astype(float)


def _make_leaf(row: np.ndarray, bump: np.ndarray, color: np.ndarray, swing: np.ndarray) -> Leaf:
    """One leaf of its numbers of chance: (14,) uniform, (4, 2) uniform, (3,) color, (3,) normal."""
    x, y, size, narrow, angle, flip, is_blob, outline, surface, kind, period, *rest = row.tolist()
    # The number of leaves falls with the 2.5th power of the radius.
    radius = _SMALLEST * (1 - size) ** (-1 / 1.5)
    radius = min(_LARGEST, radius)
    # A fifth has no surface, two fifths have clouds, two fifths regular textures.
    if kind < 0.2:
        number = -2
    elif kind < 0.6:
        number = -1
    else:
        number = int(surface * len(SURFACES))
    shape = -1 if is_blob < 0.5 else int(outline * len(OUTLINES))
    axes = np.array([0.12, 0.04, 0.02])
    phase_x, phase_y, shade = rest
    return Leaf(
        x=1.2 * x - 0.1,
        y=1.2 * y - 0.1,
        radius=radius,
        narrow=0.35 + 0.65 * narrow,
        angle=2 * math.pi * angle,
        flip=1 if flip < 0.5 else -1,
        outline=shape,
        bumps=bump * (0.12, 2 * math.pi),
        surface=number,
        period=0.04 * 8**period,
        phase=7 * np.array([phase_x, phase_y]),
        color=color,
        swing=(swing * axes) @ _COLOR_AXES,
        shade=0.25 * shade,
    )


def _draw_figure(rng: KeyedRng) -> Iterator[Leaf]:
    """A body with two to five pairs of parts, mirrored about an axis, in two coats."""
    x, y, size, angle, count = rng.uniform(5)[0].tolist()
    body, *parts = _draw_leaves(rng, 1 + round(2 + 3 * count))
    radius = 0.12 + 0.2 * size
    lean = 0.8 * (angle - 0.5)
    center_x = 0.15 + 0.7 * x
    center_y = 0.15 + 0.7 * y
    yield replace(
        body,
        x=center_x,
        y=center_y,
        radius=radius,
        angle=lean,
        period=0.1,
    )
    cos = math.cos(lean)
    sin = math.sin(lean)
    coat = parts[0]
    for part in parts:
        along = (part.y - 0.5) * 2 * radius
        from_axis = abs(part.x - 0.5) * 2 * radius
        for side in (-1, 1):
            # The mirrored part lies at the other side, and turns the other way.
            aside = side * from_axis
            yield replace(
                part,
                x=center_x + aside * cos - along * sin,
                y=center_y + aside * sin + along * cos,
                radius=radius * (0.2 + 0.4 * part.narrow),
                angle=lean + side * part.angle,
                flip=side,
                surface=coat.surface,
                color=coat.color,
                swing=coat.swing,
            )
