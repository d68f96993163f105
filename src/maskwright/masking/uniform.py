"""Policies that spread the visible patches evenly: random (MAE) and regular grids (UM-MAE)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

import torch
from torch import Tensor

from maskwright.masking.lattice import divide
from maskwright.masking.policy import Scene, Traits
from maskwright.support.checks import check_count, check_one_of


@dataclass(frozen=True, kw_only=True)
class RandomPolicy:
    """Mask patches uniformly at random (He et al. 2022): all scores are equal, chance decides.

    Every patch is masked equally often, whatever the picture shows. It is what the other policies
    are compared with.

    Formula: score[i] = 0, ties by chance
    Source: He et al. 2022, Masked Autoencoders Are Scalable Vision Learners.
    """

    traits: ClassVar[Traits] = Traits()

    def score(self, scene: Scene) -> Tensor:
        return torch.zeros(scene.batch_size, scene.grid.num_patches, device=scene.device)


@dataclass(frozen=True, kw_only=True)
class GridPolicy:
    """Keep the same number of patches in every small cell, so that visible ones form a grid.

    One patch stays per cell at ratio 1 - 1/cell**2 (0.75 for 2). At other ratios the positions in a
    cell are masked one after the other in random order, and chance decides inside the last round.

    Formula: score[i] = -(turn of i in a random order of the patches of its cell)
    Source: He et al. 2022 (MAE); Li et al. 2022 (UM-MAE).

    phase: "cell" draws which patch stays anew in each cell (UM-MAE, Li et al. 2022), "global" once
        per image (the grid of He et al. 2022).
    cell: side of a cell in patches.
    """

    traits: ClassVar[Traits] = Traits()
    phase: Literal["cell", "global"] = "cell"
    cell: int = 2

    def __post_init__(self) -> None:
        check_one_of("phase", self.phase, ("cell", "global"), owner="Policy 'grid'")
        check_count("cell", self.cell, least=2, owner="Policy 'grid'")

    def score(self, scene: Scene) -> Tensor:
        cells = divide(scene.grid, self.cell, scene.rng.fork("lattice"))
        area = self.cell**2
        # an order of the positions of a cell: one for each cell, or one for all of an image
        num_orders = cells.num_cells if self.phase == "cell" else 1
        orders = scene.rng.bits(num_orders, area).argsort(-1)  # (B, orders, area)
        turns = orders.flatten(1)
        ids = cells.phase_ids
        if self.phase == "cell":
            ids = ids + cells.cell_ids * area
        ids = ids.expand(scene.batch_size, -1)  # (B, N) places in the list of turns
        return turns.gather(1, ids).float()
