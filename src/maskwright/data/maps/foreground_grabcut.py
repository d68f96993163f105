"""Foreground from GrabCut started from saliency: rough, but it needs no model and no annotation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image

from maskwright.data.maps.map_writer import MapPlan
from maskwright.data.maps.opencv import cut_foreground, load_opencv
from maskwright.data.maps.originals import Original, draw_each
from maskwright.support.errors import MaskwrightError
from maskwright.support.seeding import derive_seed


@dataclass(frozen=True, kw_only=True)
class GrabCutForeground:
    """Separate what stands out from the rest by color.

    side: the shorter side that pictures are shrunk to for it.
    seed: of the chance in GrabCut.
    """

    side: int = 128
    seed: int = 0

    def __post_init__(self) -> None:
        if self.side < 16:
            raise MaskwrightError(f"GrabCut needs a side of at least 16 pixels; got {self.side}.")

    def plan(self) -> MapPlan:
        load_opencv()
        return MapPlan(
            name="foreground",
            kind="share",
            made=f"GrabCut from saliency at {self.side} pixels, seed {self.seed}",
        )

    def fit(self, sample: Sequence[Original]) -> str | None:
        """Fits any picture; it comes last."""
        load_opencv()
        return "nothing better fits; the map is rough, look at it before you trust it"

    def draw(self, originals: Sequence[Original]) -> list[np.ndarray]:
        return draw_each(originals, self._draw)

    def _draw(self, original: Original) -> np.ndarray:
        pixels = original.pixels(3)
        # GrabCut takes seconds for a large picture; patches need no more than this.
        height, width = pixels.shape[:2]
        factor = max(1.0, min(height, width) / self.side)
        small_height = max(1, round(height / factor))
        small_width = max(1, round(width / factor))
        picture = Image.fromarray(pixels)
        resized = picture.resize((small_width, small_height), Image.Resampling.BOX)
        small = np.asarray(resized)
        # Chance belongs to the picture's name, so that the order of work changes nothing.
        seed = derive_seed(self.seed, "grabcut", original.key)
        return original.fit_share(cut_foreground(small, seed))
