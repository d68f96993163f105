"""Masks drawn for looking at them: as a training would draw them, with the training taken as done."""

from __future__ import annotations

import torch
from torch import Tensor

from maskwright.masking.policy import Policy, Scene, mask_scene
from maskwright.patches import Grid, PatchMask, visible_count
from maskwright.support.seeding import sample_rng


def draw_masks(
    policy: Policy, grid: Grid, ratio: float, count: int, seed: int, *, purpose: str = "look", images: Tensor | None = None
) -> PatchMask:
    """Mask samples 0..count-1, always in the same way for the same seed and purpose."""
    return mask_samples(policy, grid, ratio, torch.arange(count), seed, purpose=purpose, images=images)


def mask_samples(
    policy: Policy, grid: Grid, ratio: float, sample_ids: Tensor, seed: int, *, purpose: str, images: Tensor | None = None
) -> PatchMask:
    """Mask given samples (B,), each by its own id alone; images (B, C, H, W) in the model's numbers for policies that look at them."""
    scene = Scene(
        grid=grid,
        num_masked=grid.num_patches - visible_count(grid.num_patches, ratio),
        rng=sample_rng(seed, 0, sample_ids, purpose),
        progress=1.0,
        sample_ids=sample_ids,
        images=images,
    )
    return mask_scene(policy, scene)
