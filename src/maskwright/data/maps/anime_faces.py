"""Faces, eyes, mouths, noses and chins of drawn people, found by the package `animeface`, which
brings its model along.

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
_TRIES = ((480, 0.0), (128, 0.08), (128, 0.25))
"""The shorter side that a picture is shrunk to, and the frame put around it as a share of that."""
_POINT = 0.12
_ONE_AT_A_TIME = threading.Lock()


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
        """Find parts in a (H, W, 3) uint8 picture; with a frame around it where none is found
        without.
        """
        detect = load_animeface()
        for most, share in _TRIES:
            shrunk, factor = _shrink(pixels, most)
            frame = round(share * min(shrunk.shape[:2]))
            framed = np.pad(shrunk, ((frame, frame), (frame, frame), (0, 0)), mode="edge")
            with _ONE_AT_A_TIME:
                found = _call(detect, framed)
            if found:
                return [_moved(part, -frame, factor) for face in found for part in _parts(face)]
        return []


@lru_cache(maxsize=1)
def load_animeface() -> Any:
    """Import animeface's detector and let it find a drawn face; raises MaskwrightError when it is
    missing or blind.
    """
    try:
        from animeface import _nvxs
    except ImportError as error:
        raise MaskwrightError(
            "Parts of drawn faces need the package animeface: pip install 'maskwright[anime]'."
        ) from error
    if object.__basicsize__ != 16 or not _call(_nvxs.detect, draw_face(96)):
        raise MaskwrightError(
            "animeface does not find a drawn test face with this Python and Pillow, so it would"
            " find nothing in your pictures either. Use another source of parts, for example"
            " parts(from='cascade') or parts(from='boxes.csv')."
        )
    return _nvxs.detect


def draw_face(side: int) -> np.ndarray:
    """Draw a face in the manner of anime as (side, side, 3) uint8: a face that a working detector
    knows.
    """
    large = side * 8
    canvas = Image.new("RGB", (large, large), (200, 220, 235))
    pen = ImageDraw.Draw(canvas)
    skin, hair = (250, 222, 200), (90, 60, 40)
    _oval(pen, large, (0.5, 0.48), (0.36, 0.38), hair)
    _oval(pen, large, (0.5, 0.52), (0.27, 0.27), skin)
    pen.polygon(
        [
            (x * large, y * large)
            for x, y in ((0.24, 0.56), (0.76, 0.56), (0.66, 0.74), (0.5, 0.84), (0.34, 0.74))
        ],
        skin,
    )
    fringe = (
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
    pen.polygon([(x * large, y * large) for x, y in fringe], hair)
    for x in (0.37, 0.63):
        _oval(pen, large, (x, 0.57), (0.075, 0.085), (255, 255, 255))
        _oval(pen, large, (x, 0.575), (0.055, 0.08), (60, 110, 190))
        _oval(pen, large, (x, 0.57), (0.03, 0.05), (20, 20, 30))
        _oval(pen, large, (x - 0.02, 0.545), (0.018, 0.018), (255, 255, 255))
        lid = ((x - 0.085) * large, 0.475 * large, (x + 0.085) * large, 0.625 * large)
        pen.arc(lid, 200, 340, (40, 25, 20), large // 50)
    pen.arc(
        (0.46 * large, 0.72 * large, 0.54 * large, 0.75 * large), 0, 180, (150, 60, 60), large // 80
    )
    return np.asarray(canvas.resize((side, side), Image.Resampling.BOX))


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
    rows = (ctypes.c_void_p * height)(
        *range(values.ctypes.data, values.ctypes.data + height * width * 4, width * 4)
    )
    table = ctypes.addressof(rows)
    picture = _Picture(
        b"RGB", 0, 0, 3, width, height, None, None, table, table, None, 4, 4 * width, None
    )
    holder = _Holder(1 << 30, id(object), ctypes.addressof(picture))
    handed = ctypes.cast(ctypes.addressof(holder), ctypes.py_object).value
    found = detect(handed)
    del handed  # gives its reference back while `holder` is still there
    return found


def _parts(face: dict[str, Any]) -> list[Part]:
    boxes = [
        ("face", face["face_box"]),
        ("eyes", face["left_eye_box"]),
        ("eyes", face["right_eye_box"]),
        ("mouth", face["mouth_box"]),
    ]
    side = _POINT * face["face_box"][2]
    points = [
        Part(name, x - side / 2, y - side / 2, side, side)
        for name, (x, y) in (("nose", face["nose_point"]), ("chin", face["chin_point"]))
    ]
    return [Part(name, *map(float, box)) for name, box in boxes] + points


def _shrink(pixels: np.ndarray, most: int) -> tuple[np.ndarray, float]:
    """Shrink pictures whose shorter side is longer; also return how many source pixels one of the
    result's is.
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
