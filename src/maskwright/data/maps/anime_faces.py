"""Parts of drawn faces, found by the package `animeface`, which brings its model along.

animeface 2 was compiled against the memory layout of pictures in Pillow 4. Newer Pillow versions
have another layout, and the package then silently finds nothing. So pictures are handed over here
in the layout it was compiled for, laid out with ctypes, whatever Pillow is installed, and a drawn
face is looked for first: where that fails, an error says so instead of empty maps.
"""

from __future__ import annotations

import ctypes
import threading
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from PIL import Image, ImageDraw

from maskwright.data.maps.originals import Part
from maskwright.support.errors import MaskwrightError

ANIME_PARTS = ("face", "eyes", "mouth", "nose", "chin")
# The shorter side that a picture is shrunk to, and the frame put around it as a share of that.
# Faces that fill the whole picture are only found smaller, with space around them.
_TRIES = ((480, 0.0), (128, 0.08), (128, 0.25))
# A nose or chin is a point: it is drawn as a square of this share of the face's width.
_POINT = 0.12
# The compiled detector keeps state while it works.
_ONE_AT_A_TIME = threading.Lock()


# The drawn test face: outlines as shares of its side.
_SKIN, _HAIR = (250, 222, 200), (90, 60, 40)
_CHEEKS = ((0.24, 0.56), (0.76, 0.56), (0.66, 0.74), (0.5, 0.84), (0.34, 0.74))
_FRINGE = (
    *((0.2, 0.3), (0.5, 0.18), (0.8, 0.3), (0.78, 0.5), (0.7, 0.38)),
    *((0.62, 0.46), (0.52, 0.36), (0.44, 0.46), (0.34, 0.37), (0.24, 0.5)),
)


class _Picture(ctypes.Structure):
    """struct ImagingMemoryInstance of Pillow 4.2."""

    _fields_ = [
        ("mode", ctypes.c_char * 7),
        *((name, ctypes.c_int) for name in ("type", "depth", "bands", "width", "height")),
        *((name, ctypes.c_void_p) for name in ("palette", "image8", "image32", "image", "block")),
        ("pixel_size", ctypes.c_int),
        ("line_size", ctypes.c_int),
        ("destroy", ctypes.c_void_p),
    ]


class _Holder(ctypes.Structure):
    """A Python object that holds such a picture: reference count, type, pointer."""

    _fields_ = [
        ("references", ctypes.c_ssize_t),
        ("type", ctypes.c_void_p),
        ("picture", ctypes.c_void_p),
    ]


@dataclass(frozen=True)
class AnimeFinder:
    """Finds the parts of drawn faces."""

    def find(self, pixels: np.ndarray) -> list[Part]:
        """Find parts in a (H, W, 3) uint8 picture; where there are none, with a frame around it."""
        detect = load_animeface()
        for most, share in _TRIES:
            shrunk, factor = _shrink(pixels, most)
            frame = round(share * min(shrunk.shape[:2]))
            framed = np.pad(shrunk, ((frame, frame), (frame, frame), (0, 0)), mode="edge")
            with _ONE_AT_A_TIME:
                faces = _call(detect, framed)
            if faces:
                # Back to pixels of the picture as it came.
                return [_moved(part, -frame, factor) for face in faces for part in _parts(face)]
        return []


@lru_cache(maxsize=1)
def load_animeface() -> Any:
    """Import animeface's detector and let it find a drawn face.

    Raises MaskwrightError when it is missing or finds nothing.
    """
    try:
        from animeface import _nvxs
    except ImportError as error:
        raise MaskwrightError(
            "Parts of drawn faces need the package animeface: pip install 'maskwright[anime]'."
        ) from error
    # 16 bytes: a reference count and a type, as in `_Holder`. Other builds of Python differ.
    if object.__basicsize__ != 16 or not _call(_nvxs.detect, draw_face(96)):
        raise MaskwrightError(
            "animeface does not find a drawn test face with this Python and Pillow, so it would"
            " find nothing in your pictures either. Use another source of parts, for example"
            " parts(from='cascade') or parts(from='boxes.csv')."
        )
    return _nvxs.detect


def draw_face(side: int) -> np.ndarray:
    """Draw a face in the manner of anime, (side, side, 3) uint8, which a working detector finds."""
    # Drawn eight times as large and averaged down, for smooth edges.
    large = side * 8
    canvas = Image.new("RGB", (large, large), (200, 220, 235))
    pen = ImageDraw.Draw(canvas)
    _oval(pen, large, (0.5, 0.48), (0.36, 0.38), _HAIR)
    _oval(pen, large, (0.5, 0.52), (0.27, 0.27), _SKIN)
    pen.polygon([(x * large, y * large) for x, y in _CHEEKS], _SKIN)
    pen.polygon([(x * large, y * large) for x, y in _FRINGE], _HAIR)
    for x in (0.37, 0.63):
        _draw_eye(pen, large, x)
    mouth = (0.46 * large, 0.72 * large, 0.54 * large, 0.75 * large)
    pen.arc(mouth, 0, 180, (150, 60, 60), large // 80)
    return np.asarray(canvas.resize((side, side), Image.Resampling.BOX))


def _draw_eye(pen: ImageDraw.ImageDraw, side: int, x: float) -> None:
    """White, iris, pupil, a light in it, and the lid above."""
    _oval(pen, side, (x, 0.57), (0.075, 0.085), (255, 255, 255))
    _oval(pen, side, (x, 0.575), (0.055, 0.08), (60, 110, 190))
    _oval(pen, side, (x, 0.57), (0.03, 0.05), (20, 20, 30))
    _oval(pen, side, (x - 0.02, 0.545), (0.018, 0.018), (255, 255, 255))
    lid = ((x - 0.085) * side, 0.475 * side, (x + 0.085) * side, 0.625 * side)
    pen.arc(lid, 200, 340, (40, 25, 20), side // 50)


def _oval(
    pen: ImageDraw.ImageDraw,
    side: int,
    center: tuple[float, float],
    radii: tuple[float, float],
    color: tuple[int, int, int],
) -> None:
    (x, y), (across, down) = center, radii
    pen.ellipse(
        ((x - across) * side, (y - down) * side, (x + across) * side, (y + down) * side), color
    )


def _call(detect: Any, pixels: np.ndarray) -> list[dict[str, Any]]:
    """Hand a (H, W, 3) uint8 picture to the compiled detector in the layout it knows."""
    height, width = pixels.shape[:2]
    values = np.full((height, width, 4), 255, dtype=np.uint8)
    values[:, :, :3] = pixels
    # Pillow 4 keeps a pointer to each row; `values` must live as long as they are used.
    rows = (ctypes.c_void_p * height)(
        *range(values.ctypes.data, values.ctypes.data + height * width * 4, width * 4)
    )
    table = ctypes.addressof(rows)
    picture = _Picture(
        b"RGB", 0, 0, 3, width, height, None, None, table, table, None, 4, 4 * width, None
    )
    # So many references that the interpreter never tries to free what it did not make.
    holder = _Holder(1 << 30, id(object), ctypes.addressof(picture))
    handed = ctypes.cast(ctypes.addressof(holder), ctypes.py_object).value
    faces = detect(handed)
    # Gives its reference back while `holder` is still there.
    del handed
    return faces


def _parts(face: dict[str, Any]) -> list[Part]:
    boxes = [
        ("face", face["face_box"]),
        ("eyes", face["left_eye_box"]),
        ("eyes", face["right_eye_box"]),
        ("mouth", face["mouth_box"]),
    ]
    side = _POINT * face["face_box"][2]
    parts = [Part(name, *map(float, box)) for name, box in boxes]
    for name in ("nose", "chin"):
        x, y = face[f"{name}_point"]
        parts.append(Part(name, x - side / 2, y - side / 2, side, side))
    return parts


def _shrink(pixels: np.ndarray, most: int) -> tuple[np.ndarray, float]:
    """Shrink pictures whose shorter side is longer than `most`.

    Also gives how many pixels of the source one pixel of the result is.
    """
    factor = max(1.0, min(pixels.shape[:2]) / most)
    if factor == 1:
        return pixels, 1.0
    size = round(pixels.shape[1] / factor), round(pixels.shape[0] / factor)
    return np.asarray(Image.fromarray(pixels).resize(size, Image.Resampling.BOX)), factor


def _moved(part: Part, by: float, factor: float) -> Part:
    return Part(
        part.name,
        (part.x + by) * factor,
        (part.y + by) * factor,
        part.width * factor,
        part.height * factor,
    )
