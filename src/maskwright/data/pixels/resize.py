"""Pictures at another size: bicubic and antialiased, on bytes."""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image


def shrink_pixels(
    pixels_HWC: np.ndarray, short_side: int | None, *, is_alpha_last: bool = False
) -> np.ndarray:
    """Shrink (H, W, C) uint8 until the short side has at most `short_side` pixels.

    None and smaller pictures: the pixels as they are.

    is_alpha_last: whether the fourth channel says how opaque the other three are; transparent
        pixels then have no say in the color of their neighbors.
    """
    height, width = pixels_HWC.shape[:2]
    shorter = min(height, width)
    if short_side is None or shorter <= short_side:
        return pixels_HWC
    factor = short_side / shorter
    # At least a pixel is left of a long strip.
    size = (max(1, round(height * factor)), max(1, round(width * factor)))
    if is_alpha_last:
        return _resize_by_pillow(pixels_HWC, size)
    return resize_pixels(pixels_HWC, size)


def resize_pixels(pixels_HWC: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """(H, W, C) uint8 at a (height, width), each channel by itself; as they are at their own."""
    if pixels_HWC.shape[:2] == size:
        return pixels_HWC
    if pixels_HWC.shape[2] == 3:
        return _resize_color(pixels_HWC, size)
    planes = np.moveaxis(pixels_HWC, 2, 0)  # (C, H, W)
    bands = [_resize_by_pillow(np.ascontiguousarray(plane), size) for plane in planes]
    return np.stack(bands, axis=2)


def _resize_color(pixels_HW3: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """By PyTorch, which takes about a third of Pillow's time for three channels (docs/log.md).

    It differs from Pillow by one level in fewer than 1 of 200 values. For other numbers of channels
    it has no fast way.
    """
    # Copied where it is read-only, as Pillow's memory is: PyTorch warns of such arrays.
    pixels = pixels_HW3 if pixels_HW3.flags.writeable else pixels_HW3.copy()
    images = torch.from_numpy(pixels).permute(2, 0, 1)[None]  # (1, 3, H, W), stored as (H, W, 3)
    resized = F.interpolate(images, size, mode="bicubic", antialias=True)
    # PyTorch's copy into another order is faster than NumPy's.
    return resized[0].permute(1, 2, 0).contiguous().numpy()  # (H, W, 3)


def _resize_by_pillow(pixels: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """(H, W) gray or (H, W, 4) with alpha, by which Pillow weighs the colors."""
    image = Image.fromarray(pixels)
    # With a gap of 3, a quick first reduction leaves at least 3 pixels for each of the result:
    # nobody sees a difference from the slow way.
    return np.asarray(image.resize(size[::-1], Image.Resampling.BICUBIC, reducing_gap=3.0))
