"""Geometry of patches: the grid, patches from pixels, visible and masked ids. Torch only.

Shape letters. Names of tensors here and in `masking`, `models` and `losses` may end in them.

    B   pictures of a batch
    N   patches of a picture; V of them visible, M masked, K predicted (N = V + M, K <= M)
    P   numbers of a patch: patch_size * patch_size * channels, in this order
    T   values of the target for a patch, P where they are pixels
    D   width of a token; H attention heads, d the width of a head
    C, H, W   channels, height and width of pictures
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
