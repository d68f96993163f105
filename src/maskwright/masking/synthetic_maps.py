"""What check_policy makes up for policies that look: maps of chance, and the least network that
learns.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from maskwright.masking.policy import PARTS
from maskwright.patches.grid import Grid
from maskwright.support.seeding import KeyedRng

CHANNELS = 3
MADE_UP_PARTS = ("face", "eyes", "window")


class LinearScorer(nn.Module):
    """The least network that a learned policy can have: a fixed random direction in the space of
    patches.
    """

    def __init__(self, grid: Grid) -> None:
        super().__init__()
        values = CHANNELS * grid.patch_size**2
        self.direction = nn.Parameter(
            torch.randn(values, generator=torch.Generator().manual_seed(0)) / values**0.5
        )

    def forward(self, patches_BNP: Tensor) -> Tensor:
        return (patches_BNP * self.direction).sum(-1)

    def flops(self) -> int:
        return 0


def synthetic_maps(name: str, rng: KeyedRng, count: int) -> dict[str, Tensor]:
    """(B, N) maps of a name: one of random shares, or three parts that share out three quarters of
    the patches.
    """
    if name != "parts":
        return {name: rng.uniform(count)}
    drawn = rng.integers(0, 4, count)
    return {f"{PARTS}{part}": (drawn == place).float() for place, part in enumerate(MADE_UP_PARTS)}
