"""Shares of parts, kept exactly: patches are ranked so that however many are masked, every part has
its share of them.

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
    places: (B, N) float, where a patch comes in the random order of its part, counted from 1.
    """

    ids: Tensor
    sizes: Tensor
    places: Tensor

    def spread(self, per_part: Tensor) -> Tensor:
        """(B, N) values of patches from (B, P) or (1, P) values of parts."""
        return per_part.expand(len(self.ids), -1).gather(1, self.ids)


def divide_patches(ids_BN: Tensor, num_parts: int, bits_BN: Tensor) -> Division:
    """Order the patches of every part by random bits."""
    sizes = torch.zeros(len(ids_BN), num_parts, dtype=torch.int64, device=ids_BN.device)
    sizes.scatter_add_(1, ids_BN, torch.ones_like(ids_BN))
    order = ((ids_BN << 40) + (bits_BN & ((1 << 40) - 1))).argsort(
        1
    )  # part by part, by the bits inside a part
    starts = (sizes.cumsum(1) - sizes).gather(1, ids_BN.gather(1, order))
    turn = torch.arange(1, ids_BN.shape[1] + 1, device=ids_BN.device) - starts
    return Division(ids_BN, sizes.float(), torch.empty_like(turn).scatter_(1, order, turn).float())


def call_by_share(division: Division, shares_BP: Tensor) -> Tensor:
    """(B, N) counts at which each patch is called for when part p has a share of all that is
    masked; shares sum to 1.

    A part of two that is used up leaves the other everything, hence the second term. Shares are
    rounded to the nearest patch.
    """
    wanted = division.places - 0.5
    others = division.ids.shape[1] - division.spread(division.sizes)
    return torch.minimum(wanted / division.spread(shares_BP).clamp(min=LEAST), wanted + others)


def call_by_size(division: Division, offsets_BP: Tensor, before_BP: Tensor, whole: float) -> Tensor:
    """(B, N) counts at which each patch is called for when masks go partly to parts by their size
    and partly to one part at a time.

    Of k masked patches, a part of n of all N has (1 - whole) * k * n / N + whole * min(n, max(0, k
    - before)), where `before` counts the patches of the parts that come before it.

    offsets: in [0, 1), what is added before that number is rounded down; 0.5 rounds to the nearest,
        a uniform random number makes the mean exact, also for a part of a single patch.
    """
    sizes, before = division.spread(division.sizes), division.spread(before_BP)
    wanted = division.places - division.spread(offsets_BP)
    pace = ((1 - whole) * sizes / division.ids.shape[1]).clamp(min=1e-9)
    in_turn = (wanted + whole * before) / (
        pace + whole
    )  # the line is steeper by `whole` while the part has its turn
    return torch.minimum(wanted / pace, torch.maximum(in_turn, (wanted - whole * sizes) / pace))


def call_by_ratio(division: Division, offsets_BP: Tensor, ratios_BP: Tensor) -> Tensor:
    """(B, N) multiples of the ratios at which each patch is called for, when a share ratios[p] of
    part p is to be masked.
    """
    wanted = division.places - division.spread(offsets_BP)
    return wanted / division.spread((ratios_BP * division.sizes).clamp(min=LEAST))
