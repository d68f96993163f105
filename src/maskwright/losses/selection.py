"""What a selector is trained on: how good the composite is, how little is kept, how sure the choice
is.
"""

from __future__ import annotations

import torch
from torch import Tensor

_LEAST = 1e-6


def composite_mse(composite: Tensor, images: Tensor) -> Tensor:
    """Mean squared error of composites, kept patches true and hidden ones predicted, over all
    pixels of all images.
    """
    return (_exact(composite) - _exact(images)).square().mean()


def sparsity(keep: Tensor) -> Tensor:
    """The square of the mean share kept, over all patches of all images: the more is kept, the
    harder it presses.
    """
    return _exact(keep).mean().square()


def mask_entropy(keep: Tensor) -> Tensor:
    """Mean entropy in nats of chances (B, N) of being kept: 0 where all are 0 or 1, log 2 where all
    are even.
    """
    chance = _exact(keep).clamp(_LEAST, 1 - _LEAST)
    return -(chance * torch.log(chance) + (1 - chance) * torch.log1p(-chance)).mean()


def _exact(values: Tensor) -> Tensor:
    """The same values in float32, or in float64 where they came so."""
    return values if values.dtype == torch.float64 else values.float()
