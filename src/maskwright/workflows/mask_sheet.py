"""The first look of a run at its own masks: pictures under the run's policy, written before training starts."""

from __future__ import annotations

from pathlib import Path

import torch

from maskwright.masking.policy import Policy, Scene, mask_scene
from maskwright.patches import Grid, PatchMask, visible_count
from maskwright.schedules import Schedule
from maskwright.support.seeding import sample_rng


def draw_masks(
    policy: Policy, grid: Grid, ratio: float, count: int, seed: int, epoch: int = 0, images: torch.Tensor | None = None
) -> PatchMask:
    """Draw masks for samples 0..count-1 as a training at that epoch would, with the training taken as done."""
    scene = Scene(
        grid=grid,
        num_masked=grid.num_patches - visible_count(grid.num_patches, ratio),
        rng=sample_rng(seed, epoch, torch.arange(count)),
        progress=1.0,
        sample_ids=torch.arange(count),
        images=images,
    )
    return mask_scene(policy, scene)


def last_ratio(ratio: Schedule) -> float:
    """The ratio that a schedule ends with."""
    return ratio.at(1.0)


def gallery_path(folder: Path) -> Path:
    return folder / "gallery.png"
