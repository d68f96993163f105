"""Masks as people paint them.

White on black, strokes on a transparent layer, or a picture with the hole erased.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from maskwright.data.pixels.open_image import open_image
from maskwright.support.errors import MaskwrightError

# How far, of 255, the pixels of a stroke lie from its color; edges of brushes are soft.
_ONE_COLOR = 40
# How far the channels of a pixel lie apart before it counts as colored.
_COLORED = 32
# Share of pixels that may be an exception; files of people are never clean.
_MOST_COLORED = 0.05


def read_painted(file: Path) -> np.ndarray:
    """Read a picture of a mask to (h, w) booleans, True = hidden.

    Without transparency white is hidden. With it, strokes of one color on a transparent layer are
    hidden, where the opaque part shows a picture its erased part is, and black and white mean what
    they always mean. Raises MaskwrightError for a picture in colors.
    """
    with open_image(file) as image:
        has_alpha = "A" in image.getbands() or "transparency" in image.info
        pixels = np.asarray(image.convert("RGBA")) if has_alpha else None
        gray = np.asarray(image.convert("L"))
        colors = np.asarray(image.convert("RGB")).astype(np.int16)
    # (h, w) booleans; everything is opaque in a file without transparency.
    is_opaque = np.ones(gray.shape, bool) if pixels is None else pixels[..., 3] > 127
    if is_opaque.all():
        _refuse_picture(colors, file)
        return gray > 127
    # An empty layer hides nothing.
    if not is_opaque.any():
        return is_opaque
    if _is_black_and_white(gray[is_opaque]):
        return is_opaque & (gray > 127)
    return _by_layer(colors[is_opaque], is_opaque)


def _is_black_and_white(gray: np.ndarray) -> bool:
    """Whether both ends of the scale are there and next to nothing between them."""
    is_black, is_white = gray < 64, gray > 191
    share_of_both = (is_black | is_white).mean()
    return bool(is_black.any() and is_white.any() and share_of_both > 1 - _MOST_COLORED)


def _by_layer(colors: np.ndarray, is_opaque: np.ndarray) -> np.ndarray:
    """Strokes have one color, an erased picture many."""
    # (n, 3) colors of the opaque pixels, against their median color.
    distance = np.abs(colors - np.median(colors, axis=0)).max(1)
    is_stroke = bool((distance < _ONE_COLOR).mean() > 1 - _MOST_COLORED)
    return is_opaque if is_stroke else ~is_opaque


def _refuse_picture(colors: np.ndarray, file: Path) -> None:
    is_colored = (colors.max(2) - colors.min(2)) > _COLORED
    if float(is_colored.mean()) > _MOST_COLORED:
        raise MaskwrightError(
            f"'{file}' is a picture in colors, no mask: paint what is to be hidden white on black,"
            " or on a transparent layer, or erase it."
        )
