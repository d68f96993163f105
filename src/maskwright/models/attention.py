"""Attention kernels, and the one function that picks between them.

Milliseconds forward + backward of the attention alone, (images, heads, tokens, head size), 2 cores
with AMX, torch 2.15:

    bfloat16             explicit  fused     float32              explicit  fused
    (128, 3, 17, 64)       6.6     44.4      (128, 3, 17, 64)       6.2      6.6
    (128, 3, 65, 32)      17.6     97.3      (128, 3, 65, 32)      17.7     19.4
    (16, 6, 50, 64)        4.8     26.0      (16, 6, 50, 64)        5.2      5.5
    (8, 16, 197, 32)      33.4     81.0      (8, 16, 197, 32)      39.1     39.9
    (2, 6, 400, 64)        9.1     19.6      (2, 6, 400, 64)       18.2     18.7

On CPU the fused backward is what is slow in bfloat16. On CUDA and MPS (not measured here) the fused
kernels are used; they never store the N x N weights.
"""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

_FUSED_FROM = 200  # keys; from here on the fused kernel is as fast, and N x N weights are large


def uses_fused_kernel(device_type: str, dtype: torch.dtype, length: int) -> bool:
    """Pick the kernel for attention to `length` keys, by the table above.

    dtype: of the queries, so it is the autocast type where autocast is on.
    """
    if device_type != "cpu":
        return True
    return dtype == torch.float32 and length >= _FUSED_FROM


def attend(
    queries_BHQd: Tensor,
    keys_BHNd: Tensor,
    values_BHNd: Tensor,
    bias_BHQN: Tensor | None = None,
) -> Tensor:
    """Mix values by softmax(queries keys^T / sqrt(d) + bias) and join the heads.

    (B, H, Q, d) queries and (B, H, N, d) keys and values give (B, Q, H * d).
    """
    if uses_fused_kernel(queries_BHQd.device.type, queries_BHQd.dtype, keys_BHNd.shape[2]):
        # the fused kernels want the bias in the type of the queries
        bias = None if bias_BHQN is None else bias_BHQN.to(queries_BHQd.dtype)
        mixed = F.scaled_dot_product_attention(queries_BHQd, keys_BHNd, values_BHNd, attn_mask=bias)
    else:
        mixed = attend_explicitly(queries_BHQd, keys_BHNd, values_BHNd, bias_BHQN)
    return mixed.transpose(1, 2).flatten(2)  # (B, H, Q, d) -> (B, Q, H * d)


def attend_explicitly(
    queries_BHQd: Tensor,
    keys_BHNd: Tensor,
    values_BHNd: Tensor,
    bias_BHQN: Tensor | None = None,
) -> Tensor:
    """The textbook form with the Q x N weights in memory; the fused kernels must agree with it."""
    scaled = queries_BHQd * queries_BHQd.shape[-1] ** -0.5
    logits = scaled @ keys_BHNd.transpose(-2, -1)
    if bias_BHQN is not None:
        logits = logits + bias_BHQN
    weights = torch.softmax(logits, dim=-1)
    return weights.to(values_BHNd.dtype) @ values_BHNd


def attend_gated(
    queries_BHQd: Tensor,
    keys_BHNd: Tensor,
    values_BHNd: Tensor,
    gates_BQN: Tensor,
    bias_BHQN: Tensor | None = None,
) -> Tensor:
    """Attend with every key's share multiplied by a gate, then shares made to sum to 1.

    Returns (B, Q, H * d). A key with gate 0 is absent: the outcome does not depend on it to the
    last bit, while the gate itself still gets the slope of letting it in. Every query needs a gate
    above 0. For that slope an absent key counts at most as much as the strongest present one.
    """
    scaled = queries_BHQd * queries_BHQd.shape[-1] ** -0.5
    logits = scaled @ keys_BHNd.transpose(-2, -1)  # (B, H, Q, N)
    if bias_BHQN is not None:
        logits = logits + bias_BHQN
    logits = logits.to(torch.promote_types(logits.dtype, torch.float32))
    gates = gates_BQN[:, None].to(logits.dtype)  # (B, 1, Q, N)
    is_absent = gates == 0

    # the softmax by hand: relative to the strongest key that is present
    strongest = logits.detach().masked_fill(is_absent, -torch.inf).amax(-1, keepdim=True)
    above = logits - strongest
    # absent keys that are stronger would overflow; clamp(max=0) would stop the strongest's slope
    limited = above.masked_fill(is_absent & (above > 0), 0.0)
    shares = gates * torch.exp(limited)
    weights = shares / shares.sum(-1, keepdim=True)
    return (weights.to(values_BHNd.dtype) @ values_BHNd).transpose(1, 2).flatten(2)


def split_heads(packed_BNW: Tensor, parts: int, heads: int) -> tuple[Tensor, ...]:
    """Unpack a (B, N, parts * D) projection into `parts` tensors of (B, heads, N, d).

    Each is contiguous, and all are made by one copy.
    """
    return _heads_first(packed_BNW, parts, heads).unbind(0)


def _heads_first(packed_BNW: Tensor, parts: int, heads: int) -> Tensor:
    """(B, N, parts * heads * d) to (parts, B, heads, N, d)."""
    batch, count, wide = packed_BNW.shape
    head_size = wide // (parts * heads)
    unpacked = packed_BNW.view(batch, count, parts, heads, head_size)
    return unpacked.permute(2, 0, 3, 1, 4).contiguous()


def attend_packed(packed_BNW: Tensor, heads: int) -> Tensor:
    """Self-attention on a (B, N, 3 * D) projection of queries, keys and values: (B, N, D)."""
    is_fused = uses_fused_kernel(packed_BNW.device.type, packed_BNW.dtype, packed_BNW.shape[1])
    # an exported graph holds plain operations alone
    if is_fused or torch.compiler.is_exporting():
        queries, keys, values = split_heads(packed_BNW, 3, heads)
        return attend(queries, keys, values)
    return _ExplicitSelfAttention.apply(packed_BNW, heads)


class _ExplicitSelfAttention(torch.autograd.Function):
    """`attend_explicitly` on a packed projection.

    Writing the three gradients into one tensor saves a fifth of its time on CPU.
    """

    @staticmethod
    def forward(ctx: Any, packed_BNW: Tensor, heads: int) -> Tensor:
        # heads of all images in one row, X = B * H: (3, X, N, d)
        parted = _heads_first(packed_BNW, 3, heads).flatten(1, 2)
        queries, keys, values = parted.unbind(0)
        logits = _scaled_bmm(queries, keys.transpose(1, 2), queries.shape[-1] ** -0.5)
        weights = torch.softmax(logits, dim=-1)  # (X, N, N)
        ctx.save_for_backward(parted, weights)
        ctx.heads = heads
        return _join_heads(torch.bmm(weights, values), heads)

    @staticmethod
    def backward(ctx: Any, slope_BND: Tensor) -> tuple[Tensor, None]:
        parted, weights = ctx.saved_tensors
        queries, keys, values = parted.unbind(0)
        slope = _heads_first(slope_BND, 1, ctx.heads)[0].flatten(0, 1)  # (X, N, d)
        slopes = torch.empty_like(parted)  # of queries, keys and values, in this order

        # values: what they are mixed into, by the transposed weights
        torch.bmm(weights.transpose(1, 2), slope, out=slopes[2])
        # queries and keys: through the softmax
        to_weights = torch.bmm(slope, values.transpose(1, 2))
        to_scores = torch._softmax_backward_data(to_weights, weights, -1, weights.dtype)
        _scaled_bmm(to_scores, keys, queries.shape[-1] ** -0.5, out=slopes[0])
        _scaled_bmm(to_scores.transpose(1, 2), queries, queries.shape[-1] ** -0.5, out=slopes[1])
        # (3, X, N, d) -> (B, N, 3, H, d) -> (B, N, 3 * D), as the projection came
        batch = slope_BND.shape[0]
        by_image = slopes.unflatten(1, (batch, ctx.heads)).permute(1, 3, 0, 2, 4)
        return by_image.flatten(2), None


def _scaled_bmm(
    left_Xij: Tensor,
    right_Xjk: Tensor,
    scale: float,
    out: Tensor | None = None,
) -> Tensor:
    """left @ right * scale; scaling inside the product is a fifth faster than before it."""
    # beta=0 ignores the first argument, which has to be there
    return torch.baddbmm(left_Xij.new_empty(()), left_Xij, right_Xjk, beta=0, alpha=scale, out=out)


def _join_heads(mixed_XNd: Tensor, heads: int) -> Tensor:
    """(B * heads, N, d) to (B, N, heads * d)."""
    return mixed_XNd.unflatten(0, (-1, heads)).transpose(1, 2).flatten(2)
