"""A target on pictures of one shape, fitted where it is fitted, and pictures made of chance."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from maskwright.patches.grid import Grid
from maskwright.patches.pixels import PatchStats, patch_stats, patchify
from maskwright.patches.target import FittedTarget, PatchShape, Target, measure_target
from maskwright.support.seeding import torch_generator
from maskwright.targets.building import build_target

# Squares, long pictures and one row; gray, color and more channels.
SHAPES = ((Grid(4, 4, 4), 3), (Grid(3, 5, 8), 1), (Grid(1, 2, 6), 4))
PICTURES = 5


@dataclass(frozen=True)
class TargetCase:
    """A target on pictures of one shape.

    line: what builds it.
    target: fitted where it is fitted.
    grid: how the patches are arranged.
    channels: of the pictures.
    """

    line: str
    target: Target
    grid: Grid
    channels: int

    @property
    def shape(self) -> PatchShape:
        return PatchShape(self.grid.patch_size, self.channels)

    def patches(self, seed: int = 0, count: int = PICTURES) -> Tensor:
        """(count, N, P) patches of pictures with smooth parts, edges and noise."""
        return synthetic_patches(self.grid, self.channels, seed, count)

    def measure(self, patches_BNP: Tensor, target: Target | None = None) -> Tensor:
        """(B, N, T) values at all patches."""
        ids = torch.arange(self.grid.num_patches, device=patches_BNP.device)
        every = ids.expand(len(patches_BNP), -1)
        return measure_target(target or self.target, patches_BNP, self.grid, every)

    def stats(self, patches_BNP: Tensor) -> PatchStats | None:
        """Statistics of patches, where the target needs them to go back to pixels."""
        return patch_stats(patches_BNP) if self.target.traits.needs_stats else None

    def __str__(self) -> str:
        return self.line


def build_case(line: str, grid: Grid, channels: int) -> TargetCase:
    """The target on a shape, fitted on pictures of chance where it is fitted."""
    target = build_target(line, PatchShape(grid.patch_size, channels))
    if isinstance(target, FittedTarget):
        target.fit(synthetic_patches(grid, channels, seed, 64) for seed in (10, 11))
    return TargetCase(line, target, grid, channels)


def synthetic_patches(grid: Grid, channels: int, seed: int, count: int) -> Tensor:
    """(count, N, P) patches of pictures with smooth parts, edges and noise, in float32."""
    rng = torch_generator(seed, "synthetic pictures")
    noise = torch.randn(count, channels, *grid.image_size, generator=rng)
    # sums along both axes are smooth; a step has an edge
    smooth = noise.cumsum(2).cumsum(3) / max(grid.image_size)
    step = (torch.arange(grid.image_size[1]) >= grid.image_size[1] // 2).float()
    return patchify(smooth + step + 0.1 * noise, grid.patch_size)


def assert_close(found: Tensor, expected: Tensor, complaint: str, most: float = 1e-5) -> None:
    """Raise AssertionError unless two tensors are equal up to rounding.

    most: the largest difference, relative to the largest value where that is above 1.
    """
    gap = float((found - expected).abs().max()) / max(1.0, float(expected.abs().max()))
    assert gap <= most, f"{complaint}, by {gap:.1e}."
