"""Arrays as pictures: where the channels are, and the way to (H, W, C) bytes of the wanted channels
and size.
"""

from __future__ import annotations

import numpy as np
from PIL import Image

from maskwright.data.pixels.decode import Wanted, shrink

_USUAL = (1, 3, 4)
_MOST_CHANNELS = 32
_LUMA = np.array([0.299, 0.587, 0.114])


def channels_come_last(first: int, last: int) -> bool:
    """Tell from the lengths of the first and the last axis of a picture which one is
    the channels.

    It is the one with 1, 3 or 4 entries; failing that, the smaller one if it has at most 32. Raises
    ValueError when both could be.
    """
    if (first in _USUAL) != (last in _USUAL):
        return last in _USUAL
    if first in _USUAL or first == last or min(first, last) > _MOST_CHANNELS:
        raise ValueError("the shape does not tell where the channels are; move them last")
    return last < first


def to_channels_last(array: np.ndarray) -> np.ndarray:
    """View one (H, W), (H, W, C) or (C, H, W) array as (H, W, C); raises ValueError when it is
    neither or could be either.
    """
    if array.ndim == 2 and array.size:
        return array[:, :, None]
    if array.ndim != 3 or not array.size:
        raise ValueError(f"it holds an array of shape {array.shape}, not one picture")
    return array if channels_come_last(array.shape[0], array.shape[2]) else np.moveaxis(array, 0, 2)


def fit_pixels(pixels_HWC: np.ndarray, wanted: Wanted) -> np.ndarray:
    """Give (H, W, C) bytes the wanted channels and size; raises ValueError when the channels cannot
    be had.
    """
    pixels = _with_channels(pixels_HWC, wanted.channels or pixels_HWC.shape[2])
    if wanted.short_side is None or min(pixels.shape[:2]) <= wanted.short_side:
        return np.ascontiguousarray(pixels)
    bands = [
        np.asarray(shrink(Image.fromarray(np.ascontiguousarray(band)), wanted.short_side))
        for band in np.moveaxis(pixels, 2, 0)
    ]
    return np.stack(bands, axis=2)


def _with_channels(pixels: np.ndarray, channels: int) -> np.ndarray:
    have = pixels.shape[2]
    if have == channels:
        return pixels
    if have == 4 and channels in (1, 3):
        alpha = pixels[:, :, 3:] / 255
        on_white = np.rint(pixels[:, :, :3] * alpha + 255 * (1 - alpha)).astype(np.uint8)
        return _with_channels(on_white, channels)
    if have == 3 and channels == 1:
        return np.rint(pixels @ _LUMA).astype(np.uint8)[:, :, None]
    if have == 1 and channels == 3:
        return np.repeat(pixels, 3, axis=2)
    if have in (1, 3) and channels == 4:
        return np.concatenate(
            [_with_channels(pixels, 3), np.full_like(pixels[:, :, :1], 255)], axis=2
        )
    raise ValueError(f"it has {have} channels and {channels} are wanted")
