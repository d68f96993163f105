"""What an encoder attends to: attention of its last block or of all, computed beside the block."""

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
    """(B, heads, N): how much each head of the last block attends to each patch.

    All patches are visible, and each row sums to 1. It is the attention of the class token, the
    mean over several; without one, the mean over that of all patches. Attention to prefix tokens is
    left out.
    """
    tokens, rotation = encoder.begin(patches_BNP)
    blocks = [cast(Block, block) for block in encoder.blocks]
    for block in blocks[:-1]:
        tokens = block(tokens, rotation)
    # class tokens are the first, and patches stand behind all prefix tokens
    num_class = encoder.num_class
    queries = slice(0, num_class) if num_class else slice(encoder.num_prefix, None)
    weights = _weights(blocks[-1], tokens, rotation, queries)  # (B, heads, Q, T)
    to_patches = weights.mean(2)[:, :, encoder.num_prefix :]
    return to_patches / to_patches.sum(-1, keepdim=True)


def attention_map(encoder: Encoder, patches_BNP: Tensor) -> Tensor:
    """(B, N) attention of the last block, the mean over heads (Kakogeorgiou et al. 2022)."""
    return attention_by_head(encoder, patches_BNP).mean(1)


def attention_by_layer(
    encoder: Encoder, patches_BNP: Tensor, visible_ids_BV: Tensor | None = None
) -> Iterator[Tensor]:
    """Yield each block's attention (B, heads, T, T) from the first block to the last.

    T = num_prefix + V tokens; each row sums to 1.
    """
    tokens, rotation = encoder.begin(patches_BNP, visible_ids_BV)
    for block in (cast(Block, block) for block in encoder.blocks):
        yield _weights(block, tokens, rotation, slice(None))
        tokens = block(tokens, rotation)


def tokens_by_layer(encoder: Encoder, patches_BNP: Tensor) -> Iterator[Tensor]:
    """Yield the tokens (B, num_prefix + N, D) layer by layer.

    They are those that enter the first block, those that leave each block, and those after the
    final norm.
    """
    tokens, rotation = encoder.begin(patches_BNP)
    yield tokens
    for block in encoder.blocks:
        tokens = block(tokens, rotation)
        yield tokens
    yield encoder.norm(tokens)


def _weights(
    block: Block,
    tokens_BTD: Tensor,
    rotation: Rotation | None,
    rows: slice,
) -> Tensor:
    """(B, heads, Q, T) attention of a block for tokens as they enter it.

    rows: which tokens are the queries; the keys are all.
    """
    # the first half of the block once more: its own kernels keep no weights
    packed = block.attn.qkv(block.norm1(tokens_BTD))
    queries, keys, _ = split_heads(packed, 3, block.attn.heads)
    if rotation is not None:
        queries = rotate(queries, rotation)
        keys = rotate(keys, rotation)
    # float32, since maps are compared and ranked
    products = queries[:, :, rows].float() @ keys.float().transpose(-2, -1)
    return torch.softmax(products * queries.shape[-1] ** -0.5, dim=-1)
