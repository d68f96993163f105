"""The normalized target: each patch less its mean and over its deviation (He et al. 2022)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor

from maskwright.patches.pixels import PatchStats, normalize_patches
from maskwright.patches.target import PatchShape, TargetTraits
from maskwright.targets.catalog import target_line


@dataclass(frozen=True, kw_only=True)
class NormalizedTarget:
    """Predict the pixels of each patch, normalized by the patch's own mean and deviation.

    The way back needs these two numbers, which nobody knows of a hidden patch: pictures take them
    from how they fit their neighbors.

    Formula: t = (x - mean(x)) / std(x), over the values of a patch
    Source: He et al. 2022 (MAE).
    """

    traits: ClassVar[TargetTraits] = TargetTraits(
        returns="picture", is_pixels=True, needs_stats=True
    )

    def num_values(self, shape: PatchShape) -> int:
        return shape.num_values

    def of_patches(self, patches_BKP: Tensor) -> Tensor:
        return normalize_patches(patches_BKP)

    def to_pixels(self, values_BKT: Tensor, stats: PatchStats | None) -> Tensor:
        assert stats is not None
        return stats.restore(values_BKT)

    def error_to_pixels(self, errors_BKT: Tensor, stats: PatchStats | None) -> Tensor:
        assert stats is not None
        # the mean cancels in a difference, so only the deviation is put back
        return errors_BKT * stats.std

    def __str__(self) -> str:
        return target_line("normalized", self)
