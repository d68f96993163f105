"""Image tensors as tiles to look at: channels to RGB, a handy size, blanks hatched."""

from __future__ import annotations

import math

import numpy as np
from PIL import Image
from torch import Tensor

# Pixels: below the first, single patches are hard to see; above the second, few tiles fit a screen.
LEAST_SIDE = 128
MOST_SIDE = 320
_BLANK = np.array((230, 233, 238), dtype=np.uint8)
_HATCH = np.array((205, 211, 219), dtype=np.uint8)
_HATCH_STEP = 8


def to_rgb(image: Tensor) -> np.ndarray:
    """Turn a (C, H, W) float image in [0, 1] into (H, W, 3) uint8.

    The first three channels are shown, or the first alone as gray.
    """
    shown = image[:3]
    if image.shape[0] < 3:
        shown = image[:1].expand(3, -1, -1)
    shares = shown.detach().float().cpu().clamp(0, 1)
    levels = (shares * 255).round().byte()
    # (3, H, W) -> (H, W, 3)
    return levels.permute(1, 2, 0).numpy()


def tile_size(height: int, width: int) -> tuple[int, int]:
    """Choose (height, width) of a tile for an image.

    Small images grow by a whole factor until the longer side has 128 pixels or more; large ones
    shrink to 320.
    """
    longest = max(height, width)
    if longest > MOST_SIDE:
        scale = MOST_SIDE / longest
        height = round(height * scale)
        width = round(width * scale)
        # A strip one pixel high would vanish.
        return max(1, height), max(1, width)
    # A whole factor, so that every pixel becomes a square of the same size.
    factor = math.ceil(LEAST_SIDE / longest)
    return height * factor, width * factor


def to_tile(image: Tensor, is_blank: Tensor | None = None) -> np.ndarray:
    """Draw a (C, H, W) float image in [0, 1] as a (h, w, 3) uint8 tile.

    is_blank: (1, H, W) booleans; marked pixels become a pale hatching.
    """
    tile = to_tile_size(to_rgb(image))
    if is_blank is None:
        return tile
    height, width = tile.shape[:2]
    # (1, H, W) -> (h, w); flags are repeated, because half a blank pixel has no meaning.
    flags = is_blank[0].cpu().numpy().astype(np.uint8)
    flag_picture = Image.fromarray(flags)
    resized = flag_picture.resize((width, height), Image.Resampling.NEAREST)
    is_hatched = np.asarray(resized) > 0
    return np.where(is_hatched[:, :, None], _hatching(height, width), tile)


def to_tile_size(picture: np.ndarray) -> np.ndarray:
    """Bring a (H, W, 3) uint8 picture to the size of a tile.

    Enlarging repeats pixels, so what is shown is what is there; shrinking averages.
    """
    height, width = tile_size(*picture.shape[:2])
    filter_used = Image.Resampling.LANCZOS
    if height >= picture.shape[0]:
        filter_used = Image.Resampling.NEAREST
    resized = Image.fromarray(picture).resize((width, height), filter_used)
    return np.array(resized)


def _hatching(height: int, width: int) -> np.ndarray:
    """Pale diagonal lines (h, w, 3), which no photograph has by chance."""
    rows, cols = np.mgrid[:height, :width]
    is_line = (rows + cols) % _HATCH_STEP == 0
    return np.where(is_line[:, :, None], _HATCH, _BLANK)
