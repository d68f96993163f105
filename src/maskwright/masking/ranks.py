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
    shuffled = ties.bits(count).argsort(1)
    order = shuffled.gather(1, score.gather(1, shuffled).argsort(dim=1, stable=True))
    ladder = torch.arange(count, device=score.device, dtype=torch.float32) / count
    return torch.empty_like(score).scatter_(1, order, ladder.expand_as(score))


def without_order(score: Tensor, num_masked: int, rng: KeyedRng) -> Tensor:
    """(B, N) scores that mask the same patches, in random order."""
    count = score.shape[1]
    ranks = rank(score, rng.fork("ties"))
    is_masked = ranks >= 1 - (num_masked + 0.5) / count
    return torch.where(is_masked, 1 + rng.fork("lot").uniform(count), ranks)
