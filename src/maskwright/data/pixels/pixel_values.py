"""Arrays as pictures: where the channels are, and the wanted channels and size."""

from __future__ import annotations

import numpy as np

from maskwright.data.pixels.decode import DecodeOptions
from maskwright.data.pixels.resize import shrink_pixels

_USUAL = (1, 3, 4)  # numbers of channels: gray, color, color with alpha
_MOST_CHANNELS = 32  # bands of a satellite picture; few pictures have so short a side
# Shares of red, green and blue in brightness (ITU-R BT.601), as Pillow has them.
_LUMA = np.array([0.299, 0.587, 0.114])


def channels_come_last(first: int, last: int) -> bool:
    """Whether the last axis of a picture is the channels, and not the first.

    The channels are the axis with 1, 3 or 4 entries; failing that, the smaller one if it has at
    most 32. Raises ValueError when both could be.

    first: length of the first axis.
    last: length of the last axis.
    """
    if (first in _USUAL) != (last in _USUAL):
        return last in _USUAL
    # Now either both are usual numbers or none is.
    is_ambiguous = first in _USUAL or first == last
    if is_ambiguous or min(first, last) > _MOST_CHANNELS:
        raise ValueError("the shape does not tell where the channels are; move them last")
    return last < first


def to_channels_last(array: np.ndarray) -> np.ndarray:
    """View one (H, W), (H, W, C) or (C, H, W) array as (H, W, C).

    Raises ValueError when it is none of them or could be two of them.
    """
    if array.ndim == 2 and array.size:
        return array[:, :, None]  # (H, W) -> (H, W, 1)
    if array.ndim != 3 or not array.size:
        raise ValueError(f"it holds an array of shape {array.shape}, not one picture")
    is_last = channels_come_last(array.shape[0], array.shape[2])
    return array if is_last else np.moveaxis(array, 0, 2)  # (C, H, W) -> (H, W, C)


def fit_pixels(pixels_HWC: np.ndarray, options: DecodeOptions) -> np.ndarray:
    """Give (H, W, C) bytes the wanted channels and size.

    Raises ValueError when its channels cannot become the wanted ones.
    """
    channels = options.channels or pixels_HWC.shape[2]
    pixels = _with_channels(pixels_HWC, channels)
    return np.ascontiguousarray(shrink_pixels(pixels, options.short_side))


def _with_channels(pixels: np.ndarray, channels: int) -> np.ndarray:
    """(H, W, C) -> (H, W, channels), where color and brightness say how."""
    present = pixels.shape[2]
    if present == channels:
        return pixels
    if present == 4 and channels in (1, 3):
        # Transparent pixels lie on white, as in picture files.
        alpha = pixels[:, :, 3:] / 255  # (H, W, 1) in [0, 1]
        white = 255 * (1 - alpha)
        color = pixels[:, :, :3] * alpha + white
        on_white = np.rint(color).astype(np.uint8)
        return _with_channels(on_white, channels)
    if present == 3 and channels == 1:
        brightness = np.rint(pixels @ _LUMA)  # (H, W, 3) -> (H, W)
        return brightness.astype(np.uint8)[:, :, None]
    if present == 1 and channels == 3:
        return np.repeat(pixels, 3, axis=2)
    if present in (1, 3) and channels == 4:
        color = _with_channels(pixels, 3)
        opaque = np.full_like(color[:, :, :1], 255)
        return np.concatenate([color, opaque], axis=2)
    raise ValueError(f"it has {present} channels and {channels} are wanted")
