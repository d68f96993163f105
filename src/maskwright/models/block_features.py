"""What the last blocks of an encoder say of each patch, as targets of another training."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor

from maskwright.models.encoder import Encoder


def last_block_features(encoder: Encoder, patches_BNP: Tensor, count: int) -> Tensor:
    """The mean output of the last `count` blocks at each patch, (B, N, width) float32.

    Each block's tokens are normalized over their features, without weights, and so is their mean
    (Baevski et al. 2022): no block outweighs another, and no token can grow or fade away.
    """
    tokens, rotation = encoder.begin(patches_BNP)
    skipped = len(encoder.blocks) - count
    total = None
    for index, block in enumerate(encoder.blocks):
        tokens = block(tokens, rotation)
        if index >= skipped:
            features = _normalized(tokens[:, encoder.num_prefix :])
            total = features if total is None else total + features
    assert total is not None
    return _normalized(total)


def _normalized(tokens_BND: Tensor) -> Tensor:
    return F.layer_norm(tokens_BND.float(), tokens_BND.shape[-1:])
