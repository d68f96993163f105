"""One rendered picture of a silhouette with a surface: everything about it drawn by chance from its
own stream.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from maskwright.data.rendered.outlines import OUTLINES
from maskwright.data.rendered.surfaces import SURFACES, TABLE
from maskwright.support.seeding import KeyedRng

_FINER = 2
_SPREAD = 0.32
SHAPES, TEXTURES = tuple(OUTLINES), tuple(SURFACES)


@dataclass(frozen=True)
class Pose:
    """Where a silhouette lies: center (x, y) and radius as shares of the side, turned by `angle`
    radians.
    """

    x: float
    y: float
    radius: float
    angle: float


@dataclass(frozen=True, eq=False)
class Weave:
    """How a surface lies: period as a share of the side, angle in radians, phase in periods, and
    its table of chance.
    """

    period: float
    angle: float
    phase: tuple[float, float]
    table: np.ndarray


@dataclass(frozen=True, eq=False)
class Colors:
    """Colors in [0, 1]: a middle, and how far the surface swings about it in each channel."""

    middle: np.ndarray
    swing: np.ndarray


def draw_pose(rng: KeyedRng, turn: float, crop: float) -> Pose:
    """turn: degrees it may turn either way; crop: how much closer the camera may come, 0 = the
    whole silhouette stays in view.
    """
    across, down, size, angle, near = rng.uniform(5)[0].tolist()
    closer = 1 / (1 - crop * near)
    room = 0.08 + 0.35 * crop
    return Pose(
        0.5 + room * (2 * across - 1),
        0.5 + room * (2 * down - 1),
        (0.3 + 0.1 * size) * closer,
        math.radians(turn) * (2 * angle - 1),
    )


def draw_weave(rng: KeyedRng) -> Weave:
    """A surface's scale, direction and place."""
    size, angle, across, down = rng.uniform(4)[0].tolist()
    table = rng.uniform(TABLE, TABLE)[0].numpy()
    return Weave(0.1 + 0.05 * size, math.pi * angle, (7 * across, 7 * down), table)


def draw_colors(rng: KeyedRng, contrast: float, middle: float | None = None) -> Colors:
    """A tinted middle gray and a swing of `contrast` about it, lighter or darker first by chance;
    `middle` fixes the gray.
    """
    gray, sign, *tints = rng.uniform(8)[0].tolist()
    level = 0.35 + 0.3 * gray if middle is None else middle
    tint, swing = np.array(tints[:3]) - 0.5, np.array(tints[3:]) - 0.5
    return Colors(level + 0.2 * tint, contrast * (1 if sign < 0.5 else -1) * (0.26 + 0.15 * swing))


def render_mask(shape: str, pose: Pose, size: int) -> np.ndarray:
    """(size, size) share of each pixel that lies inside the silhouette."""
    x, y = _points(size)
    x, y = _turned(x - pose.x, y - pose.y, pose.angle)
    inside = OUTLINES[shape](x / pose.radius, y / pose.radius)
    return _coarser(inside.astype(np.float64), size)


def render_surface(texture: str, weave: Weave, size: int) -> np.ndarray:
    """(size, size) heights of one mean (0) and deviation whatever the texture, within -1 and 1."""
    x, y = (axis / weave.period for axis in _turned(*_points(size), weave.angle))
    height = _coarser(SURFACES[texture](x + weave.phase[0], y + weave.phase[1], weave.table), size)
    return np.clip(2 * _SPREAD * (height - height.mean()) / max(float(height.std()), 1e-6), -1, 1)


def paint(surface: np.ndarray, colors: Colors) -> np.ndarray:
    """(size, size, 3) picture of a surface."""
    return colors.middle + surface[..., None] * colors.swing


def compose(mask: np.ndarray, figure: np.ndarray, ground: np.ndarray) -> np.ndarray:
    """Lay a figure over a ground and make bytes of it."""
    return np.rint(np.clip(ground + mask[..., None] * (figure - ground), 0, 1) * 255).astype(
        np.uint8
    )


def _points(size: int) -> tuple[np.ndarray, np.ndarray]:
    """Middle points of a finer grid, as shares of the side."""
    steps = (np.arange(size * _FINER) + 0.5) / (size * _FINER)
    x, y = np.meshgrid(steps, steps)
    return x, y


def _turned(x: np.ndarray, y: np.ndarray, angle: float) -> tuple[np.ndarray, np.ndarray]:
    return x * math.cos(angle) + y * math.sin(angle), y * math.cos(angle) - x * math.sin(angle)


def _coarser(values: np.ndarray, size: int) -> np.ndarray:
    return values.reshape(size, _FINER, size, _FINER).mean((1, 3))
