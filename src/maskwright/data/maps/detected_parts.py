"""Parts that detectors find: drawn faces with animeface, photographed ones with OpenCV's cascades.

A cascade of your own finds anything.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from maskwright.data.maps.anime_faces import ANIME_PARTS, AnimeFinder, load_animeface
from maskwright.data.maps.map_writer import MapPlan
from maskwright.data.maps.opencv import CascadeFinder, load_opencv
from maskwright.data.maps.originals import Original, Part, draw_each

# A detector fits data where it finds something in this share of the pictures.
_FOUND_ENOUGH = 0.3
_EYES_FILE = "haarcascade_eye_tree_eyeglasses.xml"


@dataclass(frozen=True, kw_only=True)
class AnimeParts:
    """Faces, eyes, mouths, noses and chins of drawn people."""

    def plan(self) -> MapPlan:
        load_animeface()
        return MapPlan(name="parts", kind="labels", parts=ANIME_PARTS, made="animeface")

    def fit(self, sample: Sequence[Original]) -> str | None:
        load_animeface()
        return _reason(sample, self._find)

    def draw(self, originals: Sequence[Original]) -> list[np.ndarray]:
        return draw_each(
            originals, lambda original: original.paint(self._find(original), ANIME_PARTS)
        )

    def _find(self, original: Original) -> list[Part]:
        parts = AnimeFinder().find(original.pixels(3))
        return moved(parts, original)


@dataclass(frozen=True, kw_only=True)
class CascadeParts:
    """Faces and the eyes in them.

    file: a cascade .xml of your own instead.
    part: what that finds.
    """

    file: str | None = None
    part: str = "face"

    def plan(self) -> MapPlan:
        load_opencv()
        # A file that is no cascade stops the work here, before the first picture.
        self._finder.find(np.zeros((32, 32, 3), dtype=np.uint8))
        return MapPlan(
            name="parts",
            kind="labels",
            parts=self._names,
            made=f"OpenCV cascade {self._finder.file}",
        )

    def fit(self, sample: Sequence[Original]) -> str | None:
        return _reason(sample, self._find)

    def draw(self, originals: Sequence[Original]) -> list[np.ndarray]:
        return draw_each(
            originals, lambda original: original.paint(self._find(original), self._names)
        )

    def _find(self, original: Original) -> list[Part]:
        pixels = original.pixels(3)
        faces = self._finder.find(pixels)
        eyes: list[Part] = []
        # Whatever a cascade of your own finds, it need not have eyes.
        if self.file is None:
            for face in faces:
                eyes += self._eyes_in(pixels, face)
        return moved(faces + eyes, original)

    def _eyes_in(self, pixels: np.ndarray, face: Part) -> list[Part]:
        """At most two eyes in the upper part of a face."""
        # Nostrils and corners of the mouth look like eyes too: lower ones are never looked at, and
        # of those found the two largest count.
        top, left = int(face.y), int(face.x)
        bottom = top + int(face.height * 0.65)
        right = left + int(face.width)
        found = self._eye_finder.find(pixels[top:bottom, left:right])
        largest = sorted(found, key=lambda eye: -eye.area)[:2]
        return [replace(eye, x=eye.x + left, y=eye.y + top) for eye in largest]

    @property
    def _names(self) -> tuple[str, ...]:
        return (self.part,) if self.file else ("face", "eyes")

    @cached_property
    def _finder(self) -> CascadeFinder:
        if self.file:
            return CascadeFinder(self.part, self.file)
        return CascadeFinder("face")

    @cached_property
    def _eye_finder(self) -> CascadeFinder:
        return CascadeFinder("eyes", _EYES_FILE)


def moved(parts: Sequence[Part], original: Original) -> list[Part]:
    """Parts found in a window, in pixels of the whole picture."""
    if original.window is None:
        return list(parts)
    top, left = original.window.top, original.window.left
    return [replace(part, x=part.x + left, y=part.y + top) for part in parts]


def _reason(sample: Sequence[Original], find: Callable[[Original], list[Part]]) -> str | None:
    hits = sum(bool(find(original)) for original in sample)
    if hits < _FOUND_ENOUGH * len(sample):
        return None
    return f"it finds some in {hits} of {len(sample)} pictures looked at"
