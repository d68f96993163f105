"""What a mask of components is for a model that knows patches: all of them are seen."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from maskwright.patches.mask import PatchMask


@dataclass(frozen=True)
class ComponentMask(PatchMask):
    """Parts of whole pictures that are hidden; no patch is, and every patch is predicted.

    is_hidden: (B, K) booleans over the ids of a basis.
    hidden_shares: (B,) the variance that is hidden of each picture.
    """

    is_hidden: Tensor
    hidden_shares: Tensor

    @classmethod
    def of_hidden(cls, is_hidden: Tensor, shares: Tensor, num_patches: int) -> ComponentMask:
        """Build from the hidden ids.

        shares: (K,) each id's share of the variance.
        """
        device = is_hidden.device
        all_ids = torch.arange(num_patches, device=device).expand(len(is_hidden), -1)
        no_ids = all_ids[:, :0]
        hidden_shares = (is_hidden * shares.to(device)).sum(1)
        return cls(all_ids, no_ids, all_ids, is_hidden, hidden_shares)
