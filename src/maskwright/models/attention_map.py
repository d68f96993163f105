"""What an encoder attends to: the attention of its last block, or of every block, computed beside
the block itself.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import cast

import torch
from torch import Tensor

from maskwright.models.attention import split_heads
from maskwright.models.encoder import Encoder
from maskwright.models.layers import Block
from maskwright.models.positional import Rotation, rotate


def attention_by_head(encoder: Encoder, patches_BNP: Tensor) -> Tensor:
    """(B, heads, N): how much each head of the last block attends to each patch, all patches
    visible; each row sums to 1.

    The class token asks; without one, the mean over all patches asking. Attention paid to prefix
    tokens is left out.
    """
    tokens, rotation = encoder.begin(patches_BNP)
    blocks = [cast(Block, block) for block in encoder.blocks]
    for block in blocks[:-1]:
        tokens = block(tokens, rotation)
    asking = slice(0, 1) if encoder.cls_token is not None else slice(encoder.num_prefix, None)
    paid = _weights(blocks[-1], tokens, rotation, asking).mean(2)[:, :, encoder.num_prefix :]
    return paid / paid.sum(-1, keepdim=True)


def attention_map(encoder: Encoder, patches_BNP: Tensor) -> Tensor:
    """(B, N) attention of the last block, the mean over heads (AttMask, Kakogeorgiou et
    al. 2022).
    """
    return attention_by_head(encoder, patches_BNP).mean(1)


def attention_by_layer(
    encoder: Encoder, patches_BNP: Tensor, visible_ids_BV: Tensor | None = None
) -> Iterator[Tensor]:
    """Yield each block's attention (B, heads, T, T) from the first block to the last, T =
    num_prefix + V tokens; each row sums to 1.
    """
    tokens, rotation = encoder.begin(patches_BNP, visible_ids_BV)
    for block in (cast(Block, block) for block in encoder.blocks):
        yield _weights(block, tokens, rotation, slice(None))
        tokens = block(tokens, rotation)


def tokens_by_layer(encoder: Encoder, patches_BNP: Tensor) -> Iterator[Tensor]:
    """Yield the tokens (B, num_prefix + N, D) that enter the first block, those that leave each
    block, and those after the final norm.
    """
    tokens, rotation = encoder.begin(patches_BNP)
    yield tokens
    for block in encoder.blocks:
        tokens = block(tokens, rotation)
        yield tokens
    yield encoder.norm(tokens)


def _weights(block: Block, tokens_BTD: Tensor, rotation: Rotation | None, asking: slice) -> Tensor:
    """(B, heads, Q, T) attention of a block for tokens as they enter it, from the tokens that ask
    to all.
    """
    queries, keys, _ = split_heads(block.attn.qkv(block.norm1(tokens_BTD)), 3, block.attn.heads)
    if rotation is not None:
        queries, keys = rotate(queries, rotation), rotate(keys, rotation)
    scores = (
        queries[:, :, asking].float() @ keys.float().transpose(-2, -1) * queries.shape[-1] ** -0.5
    )
    return torch.softmax(scores, dim=-1)
