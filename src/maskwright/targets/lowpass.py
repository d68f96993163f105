"""The low-pass target: pictures without their high frequencies."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

import torch
from torch import Tensor

from maskwright.patches.grid import Grid
from maskwright.patches.mask import take
from maskwright.patches.pixels import PatchStats, patchify
from maskwright.patches.target import PatchShape, TargetTraits
from maskwright.support.checks import check_number, check_one_of
from maskwright.targets.catalog import target_line

OWNER = "Target 'lowpass'"


@dataclass(frozen=True, kw_only=True)
class LowpassTarget:
    """Predict the pixels of each patch in a picture whose high frequencies are taken away.

    The whole picture is filtered, so patches fit together without seams. Frequencies are those of a
    cosine transform (DCT-II), which mirrors the picture at its border.

    Formula: t = patch of (H(f / cutoff) * picture), H a low-pass filter
    Source: Liu et al. 2023 (PixMIM) for the idea of low-pass targets.

    cutoff: in waves per side of a patch, whatever its size in pixels: 1 keeps waves as long as a
        patch, and half the side of a patch in pixels would keep everything.
    by: `gaussian` lets a frequency f pass by exp(-(f / cutoff)^2 / 2) (a blur); `dct` lets pass all
        up to the cutoff along each axis and nothing above.
    """

    cutoff: float = 1.0
    by: Literal["gaussian", "dct"] = "gaussian"

    def __post_init__(self) -> None:
        check_number("cutoff", self.cutoff, 1e-3, owner=OWNER)
        check_one_of("by", self.by, ("gaussian", "dct"), owner=OWNER)

    @property
    def traits(self) -> TargetTraits:
        return TargetTraits(
            returns="blur" if self.by == "gaussian" else "projection", is_pixels=True
        )

    def num_values(self, shape: PatchShape) -> int:
        return shape.num_values

    def of_pictures(self, images_BCHW: Tensor, grid: Grid, ids_BK: Tensor) -> Tensor:
        size = grid.patch_size
        down, across = (
            low_pass_matrix(side, self.cutoff / size, self.by).to(images_BCHW)
            for side in grid.image_size
        )
        filtered = down @ images_BCHW @ across.T  # (B, C, H, W)
        return take(patchify(filtered, size), ids_BK)

    def to_pixels(self, values_BKT: Tensor, stats: PatchStats | None) -> Tensor:
        return values_BKT

    def error_to_pixels(self, errors_BKT: Tensor, stats: PatchStats | None) -> Tensor:
        return errors_BKT

    def __str__(self) -> str:
        return target_line("lowpass", self)


@lru_cache(maxsize=16)
def low_pass_matrix(side: int, cutoff: float, by: str) -> Tensor:
    """The (side, side) matrix, float64, that filters the columns of a picture.

    cutoff: in waves per pixel; 0.5 is the highest frequency there is.
    """
    order = torch.arange(side, dtype=torch.float64)
    # the orthonormal DCT-II: row k is a cosine of k / (2 * side) waves per pixel
    waves = torch.cos(math.pi / side * order[:, None] * (order + 0.5)) * math.sqrt(2 / side)
    waves[0] /= math.sqrt(2)
    frequency = order / (2 * side)
    # a rounding error must not cut off a frequency that is meant to pass
    passed = (frequency <= cutoff * (1 + 1e-9)).double()
    gain = passed if by == "dct" else torch.exp(-0.5 * (frequency / cutoff).square())
    return waves.T @ (gain[:, None] * waves)
