"""Drawing masks of a policy in one line."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from maskwright.masking.policy import Policy, Scene, mask_scene
from maskwright.patches.grid import Grid
from maskwright.support.seeding import sample_rng

Draw = Callable[..., Tensor]


def build_scene(
    grid: Grid, num_masked: int, draws: int, epoch: int = 0, progress: float = 0.0
) -> Scene:
    """A scene of `draws` images that has nothing but the grid and chance."""
    ids = torch.arange(draws)
    return Scene(
        grid=grid,
        num_masked=num_masked,
        rng=sample_rng(0, epoch, ids),
        progress=progress,
        sample_ids=ids,
    )


@pytest.fixture
def draw() -> Draw:
    """draw(policy, grid, num_masked, draws) gives (draws, rows, cols) booleans, True = masked."""

    def draw_masks(
        policy: Policy,
        grid: Grid,
        num_masked: int,
        draws: int = 64,
        progress: float = 0.0,
        epoch: int = 0,
    ) -> Tensor:
        scene = build_scene(grid, num_masked, draws, epoch, progress)
        return mask_scene(policy, scene).is_masked.reshape(draws, grid.rows, grid.cols)

    return draw_masks
