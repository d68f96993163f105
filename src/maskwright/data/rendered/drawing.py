"""One rendered picture of a silhouette with a surface.

Everything about it is drawn by chance, each part from a stream of its own.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from maskwright.data.rendered.outlines import OUTLINES
from maskwright.data.rendered.surfaces import SURFACES, TABLE
from maskwright.support.seeding import KeyedRng

_FINER = 2  # points of the render grid along each side of a pixel, against jagged edges
_SPREAD = 0.64  # standard deviation of all textures, so that none is stronger than others
SHAPES = tuple(OUTLINES)
TEXTURES = tuple(SURFACES)


@dataclass(frozen=True)
class Pose:
    """Where a silhouette lies.

    x: of the center, as a share of the side.
    y: of the center, as a share of the side.
    radius: as a share of the side.
    angle: that it is turned by, in radians.
    """

    x: float
    y: float
    radius: float
    angle: float


@dataclass(frozen=True, eq=False)
class TextureMapping:
    """How a surface lies.

    period: as a share of the side.
    angle: in radians.
    phase: in periods, along x and y.
    table: (TABLE, TABLE) numbers of chance.
    """

    period: float
    angle: float
    phase: tuple[float, float]
    table: np.ndarray


@dataclass(frozen=True, eq=False)
class Colors:
    """Colors in [0, 1].

    middle: (3,) the mean color.
    swing: (3,) how far the surface swings about it in each channel.
    """

    middle: np.ndarray
    swing: np.ndarray


def draw_pose(rng: KeyedRng, turn: float, crop: float) -> Pose:
    """Draw where a silhouette lies.

    rng: of one picture.
    turn: degrees that it may turn either way.
    crop: how much closer the camera may come; at 0 the whole silhouette stays in view.
    """
    across, down, size, angle, near = rng.uniform(5)[0].tolist()
    closer = 1 / (1 - crop * near)
    # The closer the camera may come, the farther from the middle the center may lie.
    room = 0.08 + 0.35 * crop
    radius = 0.3 + 0.1 * size
    return Pose(
        x=0.5 + room * _either_way(across),
        y=0.5 + room * _either_way(down),
        radius=radius * closer,
        angle=math.radians(turn) * _either_way(angle),
    )


def draw_mapping(rng: KeyedRng) -> TextureMapping:
    """Draw a surface's scale, direction and place."""
    size, angle, across, down = rng.uniform(4)[0].tolist()
    table = rng.uniform(TABLE, TABLE)[0].numpy()
    return TextureMapping(
        period=0.1 + 0.05 * size,
        angle=math.pi * angle,
        phase=(7 * across, 7 * down),  # a start anywhere in seven periods
        table=table,
    )


def draw_colors(rng: KeyedRng, contrast: float, middle: float | None = None) -> Colors:
    """Draw a tinted gray and a swing about it, lighter or darker first by chance.

    rng: of one picture.
    contrast: the swing's size.
    middle: the gray; drawn by chance when None.
    """
    gray, sign, *tints = rng.uniform(8)[0].tolist()
    level = middle
    if level is None:
        level = 0.35 + 0.3 * gray
    tint = np.array(tints[:3]) - 0.5  # (3,) in [-0.5, 0.5)
    swing = np.array(tints[3:]) - 0.5  # (3,) in [-0.5, 0.5)
    direction = 1 if sign < 0.5 else -1
    strength = contrast * direction
    return Colors(
        middle=level + 0.2 * tint,
        swing=strength * (0.26 + 0.15 * swing),
    )


def render_mask(shape: str, pose: Pose, size: int) -> np.ndarray:
    """(size, size) share of each pixel that lies inside the silhouette."""
    x, y = _points(size)
    x, y = _turn(x - pose.x, y - pose.y, pose.angle)
    # From shares of the side to radii of the silhouette.
    x = x / pose.radius
    y = y / pose.radius
    is_inside = OUTLINES[shape]
    inside = is_inside(x, y)
    return _reduce(inside.astype(np.float64), size)


def render_surface(texture: str, mapping: TextureMapping, size: int) -> np.ndarray:
    """(size, size) heights within -1 and 1, of mean 0 and one deviation whatever the texture."""
    x, y = _points(size)
    x, y = _turn(x, y, mapping.angle)
    # From shares of the side to periods of the texture.
    x = x / mapping.period + mapping.phase[0]
    y = y / mapping.period + mapping.phase[1]
    surface = SURFACES[texture]
    height = _reduce(surface(x, y, mapping.table), size)
    deviation = float(height.std())
    # 0 for a texture that shows nothing here
    deviation = max(deviation, 1e-6)
    centered = height - height.mean()
    scaled = _SPREAD * centered / deviation
    return np.clip(scaled, -1, 1)


def paint(surface: np.ndarray, colors: Colors) -> np.ndarray:
    """(size, size) heights -> (size, size, 3) picture."""
    swings = surface[..., None] * colors.swing
    return colors.middle + swings


def compose(mask: np.ndarray, figure: np.ndarray, ground: np.ndarray) -> np.ndarray:
    """Lay a figure over a ground and make bytes of it: (size, size, 3) uint8."""
    share = mask[..., None]
    mixed = ground + share * (figure - ground)
    levels = np.clip(mixed, 0, 1) * 255
    return np.rint(levels).astype(np.uint8)


def _either_way(chance: float) -> float:
    """A number in [-1, 1) of one in [0, 1)."""
    return 2 * chance - 1


def _points(size: int) -> tuple[np.ndarray, np.ndarray]:
    """x and y of the middle points of a finer grid, as shares of the side."""
    count = size * _FINER
    steps = (np.arange(count) + 0.5) / count
    x, y = np.meshgrid(steps, steps)
    return x, y


def _turn(x: np.ndarray, y: np.ndarray, angle: float) -> tuple[np.ndarray, np.ndarray]:
    cos = math.cos(angle)
    sin = math.sin(angle)
    turned_x = x * cos + y * sin
    turned_y = y * cos - x * sin
    return turned_x, turned_y


def _reduce(values: np.ndarray, size: int) -> np.ndarray:
    """The mean over each pixel's points: (size * _FINER, size * _FINER) -> (size, size)."""
    blocks = values.reshape(size, _FINER, size, _FINER)
    return blocks.mean((1, 3))
