"""Which patches an encoder attends to: the attention of its last block, computed without the rest of that block."""

from __future__ import annotations

from typing import cast

import torch
from torch import Tensor

from maskwright.models.attention import split_heads
from maskwright.models.encoder import Encoder
from maskwright.models.layers import Block
from maskwright.models.positional import rotate


def attention_by_head(encoder: Encoder, patches_BNP: Tensor) -> Tensor:
    """(B, heads, N): how much each head of the last block attends to each patch, all patches visible; each row sums to 1.

    The class token asks; without one, the mean over all patches asking. Attention paid to prefix tokens is left out.
    """
    tokens, rotation = encoder.begin(patches_BNP)
    blocks = [cast(Block, block) for block in encoder.blocks]
    for block in blocks[:-1]:
        tokens = block(tokens, rotation)
    layer = blocks[-1].attn
    queries, keys, _ = split_heads(layer.qkv(blocks[-1].norm1(tokens)), 3, layer.heads)
    if rotation is not None:
        queries, keys = rotate(queries, rotation), rotate(keys, rotation)
    asking = queries[:, :, :1] if encoder.cls_token is not None else queries[:, :, encoder.num_prefix :]
    scores = asking.float() @ keys.float().transpose(-2, -1) * queries.shape[-1] ** -0.5
    paid = torch.softmax(scores, dim=-1).mean(2)[:, :, encoder.num_prefix :]
    return paid / paid.sum(-1, keepdim=True)


def attention_map(encoder: Encoder, patches_BNP: Tensor) -> Tensor:
    """(B, N) attention of the last block, the mean over heads (AttMask, Kakogeorgiou et al. 2022)."""
    return attention_by_head(encoder, patches_BNP).mean(1)
