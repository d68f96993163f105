"""Foreground from the pictures' own transparency."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from maskwright.data.maps.map_writer import MapPlan
from maskwright.data.maps.originals import Original, draw_each

# Pictures with an alpha channel are often opaque all over; below this mean they are not.
_MOST_OPAQUE = 0.995


@dataclass(frozen=True, kw_only=True)
class AlphaForeground:
    """A pixel is foreground as far as it is opaque."""

    def plan(self) -> MapPlan:
        return MapPlan(name="foreground", kind="share", made="alpha channel")

    def fit(self, sample: Sequence[Original]) -> str | None:
        """Fits when most of the pictures are partly transparent."""
        means = [float(_alpha(original).mean()) for original in sample]
        some = sum(mean / 255 < _MOST_OPAQUE for mean in means)
        if some <= len(sample) / 2:
            return None
        return f"{some} of {len(sample)} pictures looked at are partly transparent"

    def draw(self, originals: Sequence[Original]) -> list[np.ndarray]:
        return draw_each(originals, _draw)


def _draw(original: Original) -> np.ndarray:
    opacity = _alpha(original) / np.float32(255)
    return original.fit_share(opacity)


def _alpha(original: Original) -> np.ndarray:
    """(h, w) uint8 from 0, transparent, to 255, opaque."""
    return original.pixels(4)[:, :, 3]
