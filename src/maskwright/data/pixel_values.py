"""Arrays as pictures: where the channels are, what value means white, and the way to (H, W, C) bytes."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from PIL import Image

from maskwright.data.decode import Wanted, shrink
from maskwright.support.errors import MaskwrightError

_USUAL = (1, 3, 4)
_MOST_CHANNELS = 32
_LUMA = np.array([0.299, 0.587, 0.114])


@dataclass(frozen=True)
class ValueRange:
    """The values that mean black and white in an array."""

    low: float
    high: float

    def to_bytes(self, values: np.ndarray) -> np.ndarray:
        """Scale to uint8, rounding; raises ValueError for NaN and for values outside the range."""
        if values.dtype == np.uint8 and (self.low, self.high) == (0, 255):
            return values
        scaled = (values.astype(np.float32) - self.low) * (255 / (self.high - self.low))
        if not (scaled.min() > -0.5 and scaled.max() < 255.5):
            seen = f"{values.min():g} to {values.max():g}"
            raise ValueError(
                f"its values run from {seen}, outside the {self.low:g} to {self.high:g} of the other pictures"
            )
        return np.rint(scaled).astype(np.uint8)

    def __str__(self) -> str:
        return f"{self.low:g} to {self.high:g}"


def measure_range(arrays: Iterable[np.ndarray], name: str) -> ValueRange:
    """Find the range that arrays of pictures live in.

    uint8 and bool are plain. Other integers take the smallest of 8, 10, 12, 14 and 16 bits that holds the largest value; floats take
    the first of [0, 1], [-1, 1] and [0, 255] that holds all values. Raises MaskwrightError when none does.
    """
    low, high, whole = np.inf, -np.inf, True
    for array in arrays:
        if array.dtype == np.uint8:
            low, high = min(low, 0), max(high, 255)
        elif array.dtype.kind in "buif" and array.size:
            low, high, whole = (
                np.fmin(low, array.min()),
                np.fmax(high, array.max()),
                whole and array.dtype.kind != "f",
            )
            if np.isnan(array).any():
                raise MaskwrightError(
                    f"{name} holds NaN; replace it before use, for example with numpy.nan_to_num."
                )
        else:
            raise MaskwrightError(
                f"{name} holds {array.dtype} values of shape {array.shape}; pictures are numbers."
            )
    return _fit(float(low), float(high), whole, name)


def _fit(low: float, high: float, whole: bool, name: str) -> ValueRange:
    known = (
        [(0, 2**bits - 1) for bits in (8, 10, 12, 14, 16)] if whole else [(0, 1), (-1, 1), (0, 255)]
    )
    if whole and high <= 1:
        known.insert(0, (0, 1))
    for bottom, top in known:
        if bottom <= low and high <= top:
            return ValueRange(bottom, top)
    raise MaskwrightError(
        f"The values of {name} run from {low:g} to {high:g}; scale them to [0, 1] or to uint8 in [0, 255]."
    )


def channels_come_last(first: int, last: int) -> bool:
    """Tell from the lengths of the first and the last axis of a picture which one is the channels.

    It is the one with 1, 3 or 4 entries; failing that, the smaller one if it has at most 32. Raises ValueError when both could be.
    """
    if (first in _USUAL) != (last in _USUAL):
        return last in _USUAL
    if first in _USUAL or first == last or min(first, last) > _MOST_CHANNELS:
        raise ValueError("the shape does not tell where the channels are; move them last")
    return last < first


def to_channels_last(array: np.ndarray) -> np.ndarray:
    """View one (H, W), (H, W, C) or (C, H, W) array as (H, W, C); raises ValueError when it is neither or could be either."""
    if array.ndim == 2 and array.size:
        return array[:, :, None]
    if array.ndim != 3 or not array.size:
        raise ValueError(f"it holds an array of shape {array.shape}, not one picture")
    return array if channels_come_last(array.shape[0], array.shape[2]) else np.moveaxis(array, 0, 2)


def fit_pixels(pixels_HWC: np.ndarray, wanted: Wanted) -> np.ndarray:
    """Give (H, W, C) bytes the wanted channels and size; raises ValueError when the channels cannot be had."""
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
