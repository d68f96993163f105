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

_FUSED_FROM = 200


def uses_fused_kernel(device_type: str, dtype: torch.dtype, length: int) -> bool:
    """Pick the kernel: fused off the CPU, explicit for bfloat16 on it, and fused for float32 from
    about 200 keys (it saves memory there).

    dtype is that of the queries, so it is the autocast type where autocast is on.
    """
    if device_type != "cpu":
        return True
    return dtype == torch.float32 and length >= _FUSED_FROM


def attend(queries_BHQd: Tensor, keys_BHNd: Tensor, values_BHNd: Tensor) -> Tensor:
    """Mix values by softmax(queries keys^T / sqrt(d)) and join the heads: (B, H, Q, d) and (B, H,
    N, d) give (B, Q, H * d).
    """
    if uses_fused_kernel(queries_BHQd.device.type, queries_BHQd.dtype, keys_BHNd.shape[2]):
        mixed = F.scaled_dot_product_attention(queries_BHQd, keys_BHNd, values_BHNd)
    else:
        mixed = attend_explicitly(queries_BHQd, keys_BHNd, values_BHNd)
    return mixed.transpose(1, 2).flatten(2)


def attend_explicitly(queries_BHQd: Tensor, keys_BHNd: Tensor, values_BHNd: Tensor) -> Tensor:
    """The textbook form with the N x N weights in memory: three lines that the fused kernels must
    agree with.
    """
    scaled = queries_BHQd * queries_BHQd.shape[-1] ** -0.5
    weights = torch.softmax(scaled @ keys_BHNd.transpose(-2, -1), dim=-1)
    return weights @ values_BHNd


def attend_gated(
    queries_BHQd: Tensor, keys_BHNd: Tensor, values_BHNd: Tensor, gates_BQN: Tensor
) -> Tensor:
    """Attend with every key's share multiplied by a gate before the shares are made to sum to 1:
    (B, Q, H * d).

    A key with gate 0 is absent: the outcome does not depend on it to the last bit, while the gate
    itself still gets the slope of letting it in. Every query needs a gate above 0. For that slope
    an absent key counts at most as much as the strongest present one.
    """
    scaled = queries_BHQd * queries_BHQd.shape[-1] ** -0.5
    logits = scaled @ keys_BHNd.transpose(-2, -1)
    logits = logits.to(torch.promote_types(logits.dtype, torch.float32))
    gates = gates_BQN[:, None].to(logits.dtype)
    is_absent = gates == 0
    above = logits - logits.detach().masked_fill(is_absent, -torch.inf).amax(-1, keepdim=True)
    shares = gates * torch.exp(
        above.masked_fill(is_absent & (above > 0), 0.0)
    )  # clamp(max=0) would stop the slope of the strongest
    weights = shares / shares.sum(-1, keepdim=True)
    return (weights.to(values_BHNd.dtype) @ values_BHNd).transpose(1, 2).flatten(2)


def split_heads(packed_BNW: Tensor, parts: int, heads: int) -> tuple[Tensor, ...]:
    """Unpack a (B, N, parts * D) projection into `parts` tensors of (B, heads, N, d), each
    contiguous, by one copy.
    """
    return _heads_first(packed_BNW, parts, heads).unbind(0)


def _heads_first(packed_BNW: Tensor, parts: int, heads: int) -> Tensor:
    batch, count, wide = packed_BNW.shape
    return (
        packed_BNW.view(batch, count, parts, heads, wide // (parts * heads))
        .permute(2, 0, 3, 1, 4)
        .contiguous()
    )


def attend_packed(packed_BNW: Tensor, heads: int) -> Tensor:
    """Self-attention on a (B, N, 3 * D) projection of queries, keys and values side by side: (B, N,
    D).
    """
    if torch.compiler.is_exporting() or uses_fused_kernel(
        packed_BNW.device.type, packed_BNW.dtype, packed_BNW.shape[1]
    ):
        return attend(
            *split_heads(packed_BNW, 3, heads)
        )  # an exported graph holds plain operations alone
    return _ExplicitSelfAttention.apply(packed_BNW, heads)


class _ExplicitSelfAttention(torch.autograd.Function):
    """`attend_explicitly` on a packed projection; writing the three gradients into one tensor saves
    a fifth of its time on CPU.
    """

    @staticmethod
    def forward(ctx: Any, packed_BNW: Tensor, heads: int) -> Tensor:
        parted = _heads_first(packed_BNW, 3, heads).flatten(1, 2)
        queries, keys, values = parted.unbind(0)
        weights = torch.softmax(
            _scaled_bmm(queries, keys.transpose(1, 2), queries.shape[-1] ** -0.5), dim=-1
        )
        ctx.save_for_backward(parted, weights)
        ctx.heads = heads
        return _join_heads(torch.bmm(weights, values), heads)

    @staticmethod
    def backward(ctx: Any, slope_BND: Tensor) -> tuple[Tensor, None]:
        parted, weights = ctx.saved_tensors
        queries, keys, values = parted.unbind(0)
        slope = _heads_first(slope_BND, 1, ctx.heads)[0].flatten(0, 1)
        slopes = torch.empty_like(parted)
        torch.bmm(weights.transpose(1, 2), slope, out=slopes[2])
        to_weights = torch.bmm(slope, values.transpose(1, 2))
        to_scores = torch._softmax_backward_data(to_weights, weights, -1, weights.dtype)
        _scaled_bmm(to_scores, keys, queries.shape[-1] ** -0.5, out=slopes[0])
        _scaled_bmm(to_scores.transpose(1, 2), queries, queries.shape[-1] ** -0.5, out=slopes[1])
        batch = slope_BND.shape[0]
        return slopes.unflatten(1, (batch, ctx.heads)).permute(1, 3, 0, 2, 4).flatten(2), None


def _scaled_bmm(
    left_Xij: Tensor, right_Xjk: Tensor, scale: float, out: Tensor | None = None
) -> Tensor:
    """left @ right * scale, scaled inside the product: a fifth faster than scaling a
    factor first.
    """
    return torch.baddbmm(left_Xij.new_empty(()), left_Xij, right_Xjk, beta=0, alpha=scale, out=out)


def _join_heads(mixed_XNd: Tensor, heads: int) -> Tensor:
    """(B * heads, N, d) to (B, N, heads * d)."""
    return mixed_XNd.unflatten(0, (-1, heads)).transpose(1, 2).flatten(2)
