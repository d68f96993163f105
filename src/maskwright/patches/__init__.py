"""Geometry of patches: the grid, pixels in patches, the split into visible and masked, positions.
Torch only.
"""

from maskwright.patches.grid import Grid
from maskwright.patches.mask import PatchMask, put, split, take, visible_count
from maskwright.patches.pixels import PixelScale, patchify, unpatchify
from maskwright.patches.prediction import Prediction

__all__ = [
    "Grid",
    "PatchMask",
    "PixelScale",
    "Prediction",
    "patchify",
    "put",
    "split",
    "take",
    "unpatchify",
    "visible_count",
]
