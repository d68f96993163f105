"""Scenes for the programs here: pictures of noise, and smooth maps, so that every policy of the
catalog has what it asks for.
"""

from __future__ import annotations

import torch

from maskwright.masking.catalog import build_policy
from maskwright.masking.mixture import rank
from maskwright.masking.noise import RedNoise
from maskwright.masking.policy import PARTS, Policy, Scene
from maskwright.masking.stateful import PolicyContext, initialize_policy
from maskwright.models.scorer import Scorer
from maskwright.patches.grid import Grid
from maskwright.patches.mask import visible_count
from maskwright.support.seeding import KeyedRng, sample_rng

CHANNELS = 3
PART_NAMES = ("eyes", "face", "hair")


def build_initialized(text: str, grid: Grid, pictures: int, device: torch.device) -> Policy:
    """Build a policy, one with a state at its very beginning."""

    def build_scorer(width: int, depth: int) -> Scorer:
        return Scorer(grid, CHANNELS * grid.patch_size**2, width=width, depth=depth, heads=4).to(
            device
        )

    policy = initialize_policy(
        build_policy(text),
        PolicyContext(grid=grid, num_pictures=pictures, build_scorer=build_scorer),
    )
    return policy.to(device) if isinstance(policy, torch.nn.Module) else policy


def build_scene(
    grid: Grid, ratio: float, sample_ids: torch.Tensor, epoch: int = 0, progress: float = 0.5
) -> Scene:
    """A scene whose foreground is half of each picture and whose parts are a quarter each, in
    smooth regions (red noise of width 1.5).
    """
    made = sample_rng(0, epoch, sample_ids, "maps")
    regions = torch.stack(
        [_smooth(grid, made.fork(name)) for name in (*PART_NAMES, "background")]
    ).argmax(0)
    priors = {f"{PARTS}{name}": (regions == place).float() for place, name in enumerate(PART_NAMES)}
    priors["foreground"] = _smooth(grid, made.fork("foreground"))
    looked = _smooth(grid, made.fork("attention"))
    return Scene(
        grid=grid,
        num_masked=grid.num_patches - visible_count(grid.num_patches, ratio),
        rng=sample_rng(0, epoch, sample_ids),
        progress=progress,
        training=True,
        sample_ids=sample_ids,
        images=made.fork("images").normal(CHANNELS, *grid.image_size),
        priors={**priors, "attention": looked},
        views=torch.tensor([0.0, 0.0, 1.0, 1.0, 0.0], device=sample_ids.device).expand(
            len(sample_ids), -1
        ),
        attention=lambda source: looked,
    )


def _smooth(grid: Grid, rng: KeyedRng) -> torch.Tensor:
    """(B, N) maps of large regions, every value from 0 to 1 equally often."""
    scene = Scene(grid=grid, num_masked=1, rng=rng.fork("noise"))
    return rank(RedNoise(sigma=1.5).score(scene), rng.fork("ties"))
