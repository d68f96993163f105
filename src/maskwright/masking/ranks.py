"""Scores turned into ranks, which policies of different scales have in common."""

from __future__ import annotations

import torch
from torch import Tensor

from maskwright.support.seeding import KeyedRng


def rank(score: Tensor, ties: KeyedRng) -> Tensor:
    """(B, N) ranks in [0, 1), multiples of 1 / N, the largest score highest.

    NaN gets a rank like any other, so whoever ranks scores that came from elsewhere asks
    `Scene.checked` first.

    ties: draws the order of equal scores.
    """
    count = score.shape[1]
    # a stable sort of shuffled scores leaves ties in their shuffled order
    shuffle = ties.bits(count).argsort(1)
    shuffled = score.gather(1, shuffle)
    in_order = shuffled.argsort(dim=1, stable=True)
    order = shuffle.gather(1, in_order)  # (B, N) ids, the smallest score first

    steps = torch.arange(count, device=score.device, dtype=torch.float32)
    ladder = steps / count  # (N,) from 0 to just below 1
    ranks = torch.empty_like(score)
    return ranks.scatter_(1, order, ladder.expand_as(score))


def without_order(score: Tensor, num_masked: int, rng: KeyedRng) -> Tensor:
    """(B, N) scores that mask the same patches, in random order."""
    count = score.shape[1]
    ranks = rank(score, rng.fork("ties"))
    # half a step below the last one that is masked
    lowest = 1 - (num_masked + 0.5) / count
    is_masked = ranks >= lowest
    # above all ranks, in an order of their own
    lots = 1 + rng.fork("lot").uniform(count)
    return torch.where(is_masked, lots, ranks)
