"""The raw target: the pixels of a patch as they are."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor

from maskwright.patches.pixels import PatchStats, widen
from maskwright.patches.target import PatchShape, TargetTraits
from maskwright.targets.catalog import target_line


@dataclass(frozen=True, kw_only=True)
class RawTarget:
    """Predict the pixels of each patch in the model's numbers.

    The model's numbers are pixels less the mean of the data, over their deviation. What is
    predicted leads straight back to a picture, so this is the target for filling in.

    Formula: t = x
    Source: Xie et al. 2022 (SimMIM).
    """

    traits: ClassVar[TargetTraits] = TargetTraits(returns="picture", is_pixels=True)

    def num_values(self, shape: PatchShape) -> int:
        return shape.num_values

    def of_patches(self, patches_BKP: Tensor) -> Tensor:
        return widen(patches_BKP)

    def to_pixels(self, values_BKT: Tensor, stats: PatchStats | None) -> Tensor:
        return values_BKT

    def error_to_pixels(self, errors_BKT: Tensor, stats: PatchStats | None) -> Tensor:
        return errors_BKT

    def __str__(self) -> str:
        return target_line("raw", self)
