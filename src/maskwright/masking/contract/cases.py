"""A policy on one grid with one count of masked patches, and scenes made of chance for it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from maskwright.masking.contract.synthetic import CHANNELS, LinearScorer, synthetic_maps
from maskwright.masking.policy import Policy, Scene, check_fits, mask_scene
from maskwright.masking.stateful import PolicyContext, initialize_policy
from maskwright.patches.grid import Grid
from maskwright.patches.mask import PatchMask, visible_count
from maskwright.support.errors import MaskwrightError
from maskwright.support.seeding import sample_rng

# Even and odd sides, one row, a long grid, and the usual 14x14 of 224 pixels.
GRIDS = (Grid(8, 8, 2), Grid(7, 9, 2), Grid(1, 12, 2), Grid(5, 16, 2), Grid(14, 14, 2))
RATIOS = (0.1, 0.25, 0.4, 0.5, 0.6, 0.65, 0.75, 0.8, 0.9)
CHUNK = 2500  # images masked at once: 2500 x 196 scores fit any cache


@dataclass(frozen=True)
class Case:
    """A policy on one grid with one count.

    policy: ready to score; a stateful one has been built.
    grid: how the patches are arranged.
    num_masked: how many patches are masked.
    """

    policy: Policy
    grid: Grid
    num_masked: int

    @property
    def size(self) -> str:
        return f"{self.grid.rows}x{self.grid.cols}"

    def __str__(self) -> str:
        return f"{self.policy} on a {self.size} grid with {self.num_masked} masked"

    def scene(self, sample_ids: Tensor, seed: int = 0, epoch: int = 0) -> Scene:
        """A scene whose images, maps and chance depend on (seed, epoch, sample id) alone."""
        count = self.grid.num_patches
        traits = self.policy.traits
        # what is in a picture is the same in every epoch
        maps = sample_rng(0, 0, sample_ids, "maps")
        images = None
        if "images" in traits.needs:
            images = maps.fork("images").normal(CHANNELS, *self.grid.image_size)
        keys = None
        if "keys" in traits.needs:
            keys = [f"row {index}" for index in sample_ids.tolist()]
        priors: dict[str, Tensor] = {}
        for name in traits.needed("prior"):
            priors |= synthetic_maps(name, maps.fork(name), count)
        # every view is the whole picture: top, left, height, width, mirrored
        whole = torch.tensor([0.0, 0.0, 1.0, 1.0, 0.0])
        return Scene(
            grid=self.grid,
            num_masked=self.num_masked,
            rng=sample_rng(seed, epoch, sample_ids),
            progress=0.5,
            training=True,
            sample_ids=sample_ids,
            images=images,
            priors=priors,
            views=whole.expand(len(sample_ids), -1),
            attention=lambda source: maps.fork(source).uniform(count),
            keys=keys,
        )

    def mask(self, sample_ids: Tensor, seed: int = 0, epoch: int = 0) -> PatchMask:
        return mask_scene(self.policy, self.scene(sample_ids, seed, epoch))

    def flags(self, sample_ids: Tensor, seed: int = 0, epoch: int = 0) -> Tensor:
        """(B, N) booleans, True = masked."""
        return self.mask(sample_ids, seed, epoch).is_masked


def suited_cases(
    policy: Policy,
    grid: Grid,
    ratios: Sequence[float],
    draws: int,
) -> list[Case]:
    """The counts of masked patches that the policy accepts on a grid, rising.

    draws: pictures that a policy with a memory has to hold.
    """
    counts = {grid.num_patches - visible_count(grid.num_patches, ratio) for ratio in ratios}
    fitting = [count for count in sorted(counts) if count > 0 and _accepts(policy, grid, count)]
    context = PolicyContext(
        grid=grid,
        num_pictures=max(draws, CHUNK),
        build_scorer=lambda width, depth: LinearScorer(grid),
    )
    built = initialize_policy(policy, context)
    return [Case(built, grid, count) for count in fitting]


def _accepts(policy: Policy, grid: Grid, num_masked: int) -> bool:
    try:
        check_fits(policy, grid, num_masked)
    except MaskwrightError:
        return False
    return True
