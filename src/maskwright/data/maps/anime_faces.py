"""Parts of drawn faces, found by the package `animeface`, which brings its model along.

Its compiled part knows pictures of Pillow 4 alone, see `pillow_layout`. So a drawn face is looked
for first: where that fails, an error says so instead of empty maps.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from PIL import Image

from maskwright.data.maps.drawn_face import draw_face
from maskwright.data.maps.originals import Part
from maskwright.data.maps.pillow_layout import detect_in, has_known_objects
from maskwright.support.errors import MaskwrightError

ANIME_PARTS = ("face", "eyes", "mouth", "nose", "chin")
# The shorter side that a picture is shrunk to, and the frame put around it as a share of that.
# Faces that fill the whole picture are only found smaller, with space around them.
_TRIES = ((480, 0.0), (128, 0.08), (128, 0.25))
# A nose or chin is a point: it is drawn as a square of this share of the face's width.
_POINT = 0.12
# The compiled detector keeps state while it works.
_ONE_AT_A_TIME = threading.Lock()


@dataclass(frozen=True)
class AnimeFinder:
    """Finds the parts of drawn faces."""

    def find(self, pixels: np.ndarray) -> list[Part]:
        """Find parts in a (H, W, 3) uint8 picture; where there are none, with a frame around it."""
        detect = load_animeface()
        for most, share in _TRIES:
            factor = _shrink_factor(pixels, most)
            shrunk = _shrink(pixels, factor)
            frame = round(share * min(shrunk.shape[:2]))
            framed = np.pad(shrunk, ((frame, frame), (frame, frame), (0, 0)), mode="edge")
            with _ONE_AT_A_TIME:
                faces = detect_in(detect, framed)
            if faces:
                parts = [part for face in faces for part in _parts(face)]
                # Back to pixels of the picture as it came.
                return [_moved(part, -frame, factor) for part in parts]
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
    if not has_known_objects() or not detect_in(_nvxs.detect, draw_face(96)):
        raise MaskwrightError(
            "animeface does not find a drawn test face with this Python and Pillow, so it would"
            " find nothing in your pictures either. Use another source of parts, for example"
            " parts(from='cascade') or parts(from='boxes.csv')."
        )
    return _nvxs.detect


def _parts(face: dict[str, Any]) -> list[Part]:
    """The boxes of a face, then its points as small squares."""
    boxes = [
        ("face", face["face_box"]),
        ("eyes", face["left_eye_box"]),
        ("eyes", face["right_eye_box"]),
        ("mouth", face["mouth_box"]),
    ]
    parts = [Part(name, *map(float, box)) for name, box in boxes]
    side = _POINT * parts[0].width
    for name in ("nose", "chin"):
        x, y = face[f"{name}_point"]
        left = x - side / 2
        top = y - side / 2
        parts.append(Part(name, left, top, side, side))
    return parts


def _shrink_factor(pixels: np.ndarray, most: int) -> float:
    """How many pixels become one, so that the shorter side is no longer than `most`."""
    return max(1.0, min(pixels.shape[:2]) / most)


def _shrink(pixels: np.ndarray, factor: float) -> np.ndarray:
    if factor == 1:
        return pixels
    height, width = pixels.shape[:2]
    size = (round(width / factor), round(height / factor))
    shrunk = Image.fromarray(pixels).resize(size, Image.Resampling.BOX)
    return np.asarray(shrunk)


def _moved(part: Part, by: float, factor: float) -> Part:
    """The part moved by so many pixels in both directions, then enlarged."""
    return Part(
        part.name,
        (part.x + by) * factor,
        (part.y + by) * factor,
        part.width * factor,
        part.height * factor,
    )
