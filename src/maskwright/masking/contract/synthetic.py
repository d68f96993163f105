"""What the checks give to policies that look: maps of chance, and the smallest network."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from maskwright.masking.policy import PARTS
from maskwright.patches.grid import Grid
from maskwright.support.seeding import KeyedRng

CHANNELS = 3
SYNTHETIC_PARTS = ("face", "eyes", "window")


class LinearScorer(nn.Module):
    """The smallest network of a learned policy: a fixed direction in the space of patches."""

    def __init__(self, grid: Grid) -> None:
        super().__init__()
        values = CHANNELS * grid.patch_size**2
        generator = torch.Generator().manual_seed(0)
        direction = torch.randn(values, generator=generator) / values**0.5  # of length about 1
        self.direction = nn.Parameter(direction)

    def forward(self, patches_BNP: Tensor) -> Tensor:
        return (patches_BNP * self.direction).sum(-1)  # (B, N, P) -> (B, N)

    def flops(self) -> int:
        return 0


def synthetic_maps(name: str, rng: KeyedRng, count: int) -> dict[str, Tensor]:
    """(B, N) maps of a name: random shares, or parts that cover three quarters of the patches."""
    if name != "parts":
        return {name: rng.uniform(count)}
    # one part per patch, or none for the last of the four numbers
    drawn = rng.integers(0, len(SYNTHETIC_PARTS) + 1, count)
    maps = {}
    for number, part in enumerate(SYNTHETIC_PARTS):
        maps[f"{PARTS}{part}"] = (drawn == number).float()
    return maps
