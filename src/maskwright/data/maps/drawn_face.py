"""A face drawn in the manner of anime, on which a detector shows that it works."""

from __future__ import annotations

import numpy as np
from PIL import Image, ImageDraw

Point = tuple[float, float]
Color = tuple[int, int, int]

# Colors, and outlines as shares of the side.
_SKY = (200, 220, 235)
_SKIN = (250, 222, 200)
_HAIR = (90, 60, 40)
_WHITE = (255, 255, 255)
_IRIS = (60, 110, 190)
_PUPIL = (20, 20, 30)
_LID = (40, 25, 20)
_LIPS = (150, 60, 60)
_CHEEKS = (
    (0.24, 0.56),
    (0.76, 0.56),
    (0.66, 0.74),
    (0.5, 0.84),
    (0.34, 0.74),
)
_FRINGE = (
    (0.2, 0.3),
    (0.5, 0.18),
    (0.8, 0.3),
    (0.78, 0.5),
    (0.7, 0.38),
    (0.62, 0.46),
    (0.52, 0.36),
    (0.44, 0.46),
    (0.34, 0.37),
    (0.24, 0.5),
)
# Drawn so many times as large and averaged down, for smooth edges.
_FINER = 8


def draw_face(side: int) -> np.ndarray:
    """Draw the face, (side, side, 3) uint8."""
    large = side * _FINER
    canvas = Image.new("RGB", (large, large), _SKY)
    pen = _Pen(canvas)
    pen.oval((0.5, 0.48), (0.36, 0.38), _HAIR)
    pen.oval((0.5, 0.52), (0.27, 0.27), _SKIN)
    pen.polygon(_CHEEKS, _SKIN)
    pen.polygon(_FRINGE, _HAIR)
    _draw_eye(pen, 0.37)
    _draw_eye(pen, 0.63)
    # The mouth is the lower half of an oval.
    pen.arc((0.5, 0.735), (0.04, 0.015), (0, 180), _LIPS, 1 / 80)
    small = canvas.resize((side, side), Image.Resampling.BOX)
    return np.asarray(small)


class _Pen:
    """Draws on a square picture, in shares of its side."""

    def __init__(self, canvas: Image.Image) -> None:
        self._side = canvas.width
        self._pen = ImageDraw.Draw(canvas)

    def oval(self, center: Point, radii: Point, color: Color) -> None:
        self._pen.ellipse(self._box(center, radii), color)

    def arc(self, center: Point, radii: Point, degrees: Point, color: Color, width: float) -> None:
        """A part of an oval's edge, from and to degrees clockwise from the right."""
        start, end = degrees
        self._pen.arc(self._box(center, radii), start, end, color, int(self._side * width))

    def polygon(self, corners: tuple[Point, ...], color: Color) -> None:
        self._pen.polygon([(x * self._side, y * self._side) for x, y in corners], color)

    def _box(self, center: Point, radii: Point) -> tuple[float, float, float, float]:
        """Left, top, right and bottom in pixels."""
        x, y = center
        across, down = radii
        left = (x - across) * self._side
        top = (y - down) * self._side
        right = (x + across) * self._side
        bottom = (y + down) * self._side
        return left, top, right, bottom


def _draw_eye(pen: _Pen, x: float) -> None:
    pen.oval((x, 0.57), (0.075, 0.085), _WHITE)
    pen.oval((x, 0.575), (0.055, 0.08), _IRIS)
    pen.oval((x, 0.57), (0.03, 0.05), _PUPIL)
    # The light in the eye.
    pen.oval((x - 0.02, 0.545), (0.018, 0.018), _WHITE)
    pen.arc((x, 0.55), (0.085, 0.075), (200, 340), _LID, 1 / 50)
