"""Masks by a trained scorer: what helps the reconstruction most stays visible longest.

`maskwright select` trains it on a frozen masked autoencoder.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

import torch
from torch import Tensor, nn

from maskwright.masking.policy import Scene, Traits
from maskwright.patches.grid import Grid
from maskwright.patches.pixels import patchify
from maskwright.support.errors import MaskwrightError


@dataclass(frozen=True, kw_only=True, eq=False)
class SelectedPolicy:
    """Mask the patches that a trained scorer finds most dispensable first.

    The count comes from the ratio, exactly. The same picture always gets the same mask.

    Formula: score = f(x), f a trained and frozen scorer
    Source: this package, after the project on learned maskers (docs/guide/projects.md).

    scorer: (B, N, P) patches in the model's numbers to (B, N) scores, frozen here.
    grid: the grid it was built for.
    origin: where it comes from, for errors.
    """

    traits: ClassVar[Traits] = Traits(uniform=False, needs=frozenset({"images"}))
    scorer: nn.Module = field(repr=False)
    grid: Grid
    origin: str = ""

    def check_grid(self, grid: Grid, num_masked: int) -> None:
        if grid != self.grid:
            raise MaskwrightError(
                f"Policy 'learned' from '{self.origin}' scores a {self.grid}; here is a {grid}."
                " Train a scorer for it."
            )

    def score(self, scene: Scene) -> Tensor:
        images = scene.pixels().to(scene.device)
        patches = patchify(images, self.grid.patch_size).float()  # (B, N, P)
        # float32, so that a mask does not depend on the precision of the run
        with torch.no_grad(), torch.autocast(images.device.type, enabled=False):
            return self.scorer.to(images.device)(patches)
