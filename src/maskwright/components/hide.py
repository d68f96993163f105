"""Which parts are hidden: in the order of their scores, until their variance makes up the share."""

from __future__ import annotations

import torch
from torch import Tensor

from maskwright.support.errors import MaskwrightError
from maskwright.support.seeding import KeyedRng, integer_device


def hide_share(scores: Tensor, shares: Tensor, ratio: float, rng: KeyedRng) -> Tensor:
    """(B, K) booleans: parts are hidden from the largest score on, equal scores by chance.

    A part is hidden as long as at least half of it lies within the ratio, so that the hidden
    variance is the ratio on average and off by at most half of a part. Something is always hidden
    and something is always visible.

    scores: (B, K), larger = hidden first.
    shares: (K,), each part's share of the variance, which sum to 1.
    ratio: the share of the variance that is hidden, inside (0, 1).

    Raises MaskwrightError for other ratios.
    """
    if not 0 < ratio < 1:
        raise MaskwrightError(
            f"The share of the variance that is hidden is in (0, 1); got {ratio}."
        )
    # two keys: a random order first, then a stable one by score
    device = integer_device(scores.device)
    chance = rng.bits(scores.shape[1]).to(device).argsort(1)
    shuffled = scores.to(device).gather(1, chance)
    order = chance.gather(1, shuffled.argsort(dim=1, descending=True, stable=True))

    in_order = shares.to(device)[order]  # (B, K)
    middles = in_order.cumsum(1) - in_order / 2
    hidden_in_order = middles < ratio
    hidden_in_order[:, 0] = True
    hidden_in_order[:, -1] = False
    is_hidden = torch.zeros_like(hidden_in_order).scatter(1, order, hidden_in_order)
    return is_hidden.to(scores.device)
