"""From scores to what is kept: noisy and soft while a scorer learns, hard when it is used."""

from __future__ import annotations

import torch
from torch import Tensor


def pick(keep_logit_BN: Tensor) -> Tensor:
    """(B, N) booleans of the patches to keep: those with a logit above 0.

    Of an image that has none, the best patch is kept.
    """
    best = keep_logit_BN == keep_logit_BN.amax(1, keepdim=True)
    picked = keep_logit_BN > 0
    return picked | (best & ~picked.any(1, keepdim=True))


def relax(keep_logit_BN: Tensor, noise_BN: Tensor, temperature: float) -> Tensor:
    """Shares (B, N) in (0, 1) of keeping each patch.

    It is the binary case of Maddison et al. 2017 and Jang et al. 2017.

    noise_BN: standard logistic. As the temperature falls to 0 this becomes `keep_logit + noise >
    0`,
        which keeps with chance sigmoid(keep_logit).
    """
    return torch.sigmoid((keep_logit_BN.float() + noise_BN) / temperature)


def straight_through(hard_BN: Tensor, soft_BN: Tensor) -> Tensor:
    """Exactly `hard` (booleans as 0 and 1), with the slope of `soft` (Bengio et al. 2013)."""
    # the difference is 0, and its slope is that of `soft`
    return hard_BN.to(soft_BN.dtype) + (soft_BN - soft_BN.detach())
