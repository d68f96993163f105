"""Image tensors as tiles a person can look at: channels to RGB, small ones enlarged, large ones
shrunk, blanks hatched.
"""

from __future__ import annotations

import math

import numpy as np
from PIL import Image
from torch import Tensor

LEAST_SIDE = 128
MOST_SIDE = 320
_BLANK = np.array((230, 233, 238), dtype=np.uint8)
_HATCH = np.array((205, 211, 219), dtype=np.uint8)
_HATCH_STEP = 8


def to_rgb(image: Tensor) -> np.ndarray:
    """Turn a (C, H, W) float image in [0, 1] into (H, W, 3) uint8: the first three channels, or the
    first alone as gray.
    """
    shown = image[:3] if image.shape[0] >= 3 else image[:1].expand(3, -1, -1)
    return (shown.detach().float().cpu().clamp(0, 1) * 255).round().byte().permute(1, 2, 0).numpy()


def tile_size(height: int, width: int) -> tuple[int, int]:
    """Choose (height, width) of a tile: a whole multiple that brings the longer side to 128 pixels
    or more, 320 at most.
    """
    longest = max(height, width)
    if longest > MOST_SIDE:
        return max(1, round(height * MOST_SIDE / longest)), max(
            1, round(width * MOST_SIDE / longest)
        )
    factor = math.ceil(LEAST_SIDE / longest)
    return height * factor, width * factor


def to_tile(image: Tensor, is_blank: Tensor | None = None) -> np.ndarray:
    """Draw a (C, H, W) float image in [0, 1] as a (h, w, 3) uint8 tile; pixels marked in is_blank
    (1, H, W) become a pale hatching.

    Enlarging repeats pixels, so what is shown is what is there; shrinking averages.
    """
    height, width = tile_size(*image.shape[-2:])
    way = Image.Resampling.NEAREST if height >= image.shape[-2] else Image.Resampling.LANCZOS
    tile = np.asarray(Image.fromarray(to_rgb(image)).resize((width, height), way))
    if is_blank is None:
        return tile
    flags = Image.fromarray(is_blank[0].cpu().numpy().astype(np.uint8) * 255).resize(
        (width, height), Image.Resampling.NEAREST
    )
    return np.where(np.asarray(flags)[:, :, None] > 0, _hatching(height, width), tile)


def _hatching(height: int, width: int) -> np.ndarray:
    rows, cols = np.mgrid[:height, :width]
    is_line = (rows + cols) % _HATCH_STEP == 0
    return np.where(is_line[:, :, None], _HATCH, _BLANK)
