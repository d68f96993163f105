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
        of_images = per_part.expand(len(self.ids), -1)  # (B, P)
        return of_images.gather(1, self.ids)


def divide_patches(ids_BN: Tensor, num_parts: int, bits_BN: Tensor) -> Division:
    """Order the patches of every part by random bits."""
    num_images, num_patches = ids_BN.shape
    sizes = torch.zeros(num_images, num_parts, dtype=torch.int64, device=ids_BN.device)
    sizes.scatter_add_(1, ids_BN, torch.ones_like(ids_BN))
    # part by part, by the bits inside a part: the part stands above 40 random bits
    lower_bits = bits_BN & ((1 << 40) - 1)
    keys = (ids_BN << 40) + lower_bits
    order = keys.argsort(1)

    # in that order, a patch's turn is how far it is behind the first one of its part
    starts = sizes.cumsum(1) - sizes  # (B, P) patches of the parts before
    parts_in_order = ids_BN.gather(1, order)
    places = torch.arange(1, num_patches + 1, device=ids_BN.device)
    turns_in_order = places - starts.gather(1, parts_in_order)
    # back from that order to the places of the patches
    turns = torch.empty_like(turns_in_order)
    turns.scatter_(1, order, turns_in_order)
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
    shares = division.spread(shares_BP)
    by_share = quota / shares.clamp(min=LEAST)
    # a part of two that is used up leaves the other everything
    num_patches = division.ids.shape[1]
    others = num_patches - division.spread(division.sizes)
    when_alone = quota + others
    return torch.minimum(by_share, when_alone)


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
    num_patches = division.ids.shape[1]
    pace = (1 - whole) * sizes / num_patches
    pace = pace.clamp(min=1e-9)
    before_turn = quota / pace
    in_turn = (quota + whole * before) / (pace + whole)
    after_turn = (quota - whole * sizes) / pace
    # that rise bends upward at first and downward later, so the earliest call is this one
    late = torch.maximum(in_turn, after_turn)
    return torch.minimum(before_turn, late)


def call_by_ratio(division: Division, offsets_BP: Tensor, ratios_BP: Tensor) -> Tensor:
    """(B, N) multiples of the ratios at which each patch is called for.

    offsets_BP: as in `call_by_size`.
    ratios_BP: the share of each part that is to be masked.
    """
    quota = division.turns - division.spread(offsets_BP)
    targets = ratios_BP * division.sizes  # (B, P) patches to be masked
    targets = targets.clamp(min=LEAST)
    return quota / division.spread(targets)
