"""Policies without structure: random (MAE) and regular grids (MAE "grid", UM-MAE)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from maskwright.masking.policy import Scene, Traits


@dataclass(frozen=True, kw_only=True)
class RandomPolicy:
    """Mask patches uniformly at random (He et al. 2022): every score is equal and chance decides."""

    traits: ClassVar[Traits] = Traits()

    def score(self, scene: Scene) -> Tensor:
        return torch.zeros(scene.batch_size, scene.grid.num_patches, device=scene.device)
