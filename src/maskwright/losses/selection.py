"""What a selector is trained on: a good composite, few kept patches, and a sure choice."""

from __future__ import annotations

import torch
from torch import Tensor

_LEAST = 1e-6  # of a chance: the logarithm of 0 is infinite


def composite_mse(composite: Tensor, images: Tensor) -> Tensor:
    """Mean squared error of composites over all pixels of all images.

    Their kept patches are true, and hidden ones predicted.
    """
    return (_exact(composite) - _exact(images)).square().mean()


def sparsity(keep: Tensor) -> Tensor:
    """The square of the mean share kept, over all patches of all images."""
    # squared: the more is kept, the harder it presses
    return _exact(keep).mean().square()


def mask_entropy(keep: Tensor) -> Tensor:
    """Mean entropy in nats of chances (B, N) of being kept.

    It is 0 where all are 0 or 1, and log 2 where all are even.
    """
    chance = _exact(keep).clamp(_LEAST, 1 - _LEAST)
    of_kept = chance * torch.log(chance)
    of_hidden = (1 - chance) * torch.log1p(-chance)
    return -(of_kept + of_hidden).mean()


def _exact(values: Tensor) -> Tensor:
    """The same values in float32, or in float64 where they came so."""
    return values if values.dtype == torch.float64 else values.float()
