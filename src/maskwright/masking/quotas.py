"""Shares of parts, kept exactly however many patches are masked.

Each patch is given the count of masked patches at which the share of its part calls for it, and the
smallest counts are masked first. So the number masked is exact, a part that is used up leaves its
share to the others, and masking more never frees a patch, which rounding shares for one count by
largest remainder does not promise (the Alabama paradox).
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

LEAST = 1e-6  # in place of a share of zero, so that patches never called for still keep an order


@dataclass(frozen=True)
class Division:
    """Patches of B images divided into P parts.

    ids: (B, N) int64, the part of each patch.
    sizes: (B, P) float, patches of each part.
    turns: (B, N) float, where a patch comes in the random order of its part, counted from 1.
    """

    ids: Tensor
    sizes: Tensor
    turns: Tensor

    def spread(self, per_part: Tensor) -> Tensor:
        """(B, N) values of patches from (B, P) or (1, P) values of parts."""
        return per_part.expand(len(self.ids), -1).gather(1, self.ids)


def divide_patches(ids_BN: Tensor, num_parts: int, bits_BN: Tensor) -> Division:
    """Order the patches of every part by random bits."""
    sizes = torch.zeros(len(ids_BN), num_parts, dtype=torch.int64, device=ids_BN.device)
    sizes.scatter_add_(1, ids_BN, torch.ones_like(ids_BN))
    # part by part, by the bits inside a part: the part stands above 40 random bits
    keys = (ids_BN << 40) + (bits_BN & ((1 << 40) - 1))
    order = keys.argsort(1)

    # in that order, a patch's turn is how far it is behind the first one of its part
    starts = (sizes.cumsum(1) - sizes).gather(1, ids_BN.gather(1, order))
    turn = torch.arange(1, ids_BN.shape[1] + 1, device=ids_BN.device) - starts
    turns = torch.empty_like(turn).scatter_(1, order, turn)
    return Division(
        ids=ids_BN,
        sizes=sizes.float(),
        turns=turns.float(),
    )


def call_by_share(division: Division, shares_BP: Tensor) -> Tensor:
    """(B, N) counts at which each patch is called for when part p has a share of what is masked.

    Shares are rounded to the nearest patch.

    shares_BP: they sum to 1.
    """
    quota = division.turns - 0.5  # rounds to the nearest patch
    by_share = quota / division.spread(shares_BP).clamp(min=LEAST)
    # a part of two that is used up leaves the other everything
    others = division.ids.shape[1] - division.spread(division.sizes)
    return torch.minimum(by_share, quota + others)


def call_by_size(
    division: Division,
    offsets_BP: Tensor,
    before_BP: Tensor,
    whole: float,
) -> Tensor:
    """(B, N) counts at which each patch is called for when parts are masked by size or one by one.

    Of k masked patches, a part of n of all N has (1 - whole) * k * n / N + whole * min(n, max(0, k
    - before)), where `before` counts the patches of the parts that come before it.

    offsets_BP: in [0, 1), what is added before that number is rounded down; 0.5 rounds to the
        nearest, a uniform random number makes the mean exact, also for a part of a single patch.
    before_BP: patches of the parts that come before each part.
    whole: the share that goes to one part at a time.
    """
    sizes = division.spread(division.sizes)
    before = division.spread(before_BP)
    quota = division.turns - division.spread(offsets_BP)

    # a part's number rises slowly, then by `whole` more while the part has its turn, then slowly
    pace = ((1 - whole) * sizes / division.ids.shape[1]).clamp(min=1e-9)
    before_turn = quota / pace
    in_turn = (quota + whole * before) / (pace + whole)
    after_turn = (quota - whole * sizes) / pace
    return torch.minimum(before_turn, torch.maximum(in_turn, after_turn))


def call_by_ratio(division: Division, offsets_BP: Tensor, ratios_BP: Tensor) -> Tensor:
    """(B, N) multiples of the ratios at which each patch is called for.

    offsets_BP: as in `call_by_size`.
    ratios_BP: the share of each part that is to be masked.
    """
    quota = division.turns - division.spread(offsets_BP)
    targets = (ratios_BP * division.sizes).clamp(min=LEAST)
    return quota / division.spread(targets)
