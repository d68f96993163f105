"""Maps of measurements, such as depth: a number for each pixel, in the units of the file."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from maskwright.data.maps.picture_maps import CutMaps
from maskwright.support.errors import MaskwrightError


@dataclass(frozen=True, eq=False)
class ValueMaps:
    """The numbers of the pixels that a model sees.

    maps: the maps as they are filed.
    missing: the value that stands for nothing known; None where all is known.
    """

    maps: CutMaps
    missing: float | None = None

    def read(self, index: int) -> np.ndarray | None:
        """(h, w) float32 numbers of a picture, NaN for nothing known; None without a map."""
        values = self.maps.read(index)
        if values is None:
            return None
        if values.ndim == 3:
            raise MaskwrightError(
                f"The map of '{self.maps.store.keys[index]}' is colored; maps of numbers are gray"
                " PNGs of 8 or 16 bits."
            )
        numbers = values.astype(np.float32)
        if self.missing is None:
            return numbers
        # NaN, because every number may be a measurement.
        return np.where(values == self.missing, np.nan, numbers)

    def means(self, index: int, grid: tuple[int, int]) -> np.ndarray | None:
        """(N, 1) float32 mean over what is known of each patch, NaN where nothing is.

        A pixel belongs to the patch that its center lies in.

        grid: (rows, cols) of the patches.
        """
        numbers = self.read(index)
        if numbers is None:
            return None
        patch = patch_of_pixels(numbers.shape[0], numbers.shape[1], grid)
        known = ~np.isnan(numbers)
        count = grid[0] * grid[1]
        total = np.bincount(patch[known], weights=numbers[known], minlength=count)  # (N,)
        pixels = np.bincount(patch[known], minlength=count)
        # A patch without a known pixel keeps its NaN.
        means = np.full(count, np.nan)
        np.divide(total, pixels, out=means, where=pixels > 0)
        return means.astype(np.float32)[:, None]


def patch_of_pixels(height: int, width: int, grid: tuple[int, int]) -> np.ndarray:
    """(h, w) the number of the patch in which the center of each pixel lies."""
    rows, cols = grid
    # By centers, because maps come in sizes of which patches are no whole number of pixels.
    down = np.arange(height) + 0.5
    across = np.arange(width) + 0.5
    row = (down * rows / height).astype(np.int64)  # (h,)
    col = (across * cols / width).astype(np.int64)  # (w,)
    return row[:, None] * cols + col
