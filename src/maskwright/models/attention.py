"""Attention kernels, and the one function that picks between them.

Milliseconds forward + backward of the attention alone, (images, heads, tokens, head size), 2 cores with AMX, torch 2.15:

    bfloat16             explicit  fused     float32              explicit  fused
    (128, 3, 17, 64)       6.6     44.4      (128, 3, 17, 64)       6.2      6.6
    (128, 3, 65, 32)      17.6     97.3      (128, 3, 65, 32)      17.7     19.4
    (16, 6, 50, 64)        4.8     26.0      (16, 6, 50, 64)        5.2      5.5
    (8, 16, 197, 32)      33.4     81.0      (8, 16, 197, 32)      39.1     39.9
    (2, 6, 400, 64)        9.1     19.6      (2, 6, 400, 64)       18.2     18.7

The fused backward on CPU converts bfloat16 block by block; on CUDA and MPS the fused kernels win and never store the N x N weights.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

_FUSED_FROM = 200


def uses_fused_kernel(device_type: str, dtype: torch.dtype, length: int) -> bool:
    """Pick the kernel: fused off the CPU, explicit for bfloat16 on it, and fused for float32 from about 200 keys (it saves memory there).

    dtype is that of the queries, so it is the autocast type where autocast is on.
    """
    if device_type != "cpu":
        return True
    return dtype == torch.float32 and length >= _FUSED_FROM


def attend(queries_BHQd: Tensor, keys_BHNd: Tensor, values_BHNd: Tensor) -> Tensor:
    """Mix values by softmax(queries keys^T / sqrt(d)) and join the heads: (B, H, Q, d) and (B, H, N, d) give (B, Q, H * d)."""
    if uses_fused_kernel(queries_BHQd.device.type, queries_BHQd.dtype, keys_BHNd.shape[2]):
        mixed = F.scaled_dot_product_attention(queries_BHQd, keys_BHNd, values_BHNd)
    else:
        mixed = attend_explicitly(queries_BHQd, keys_BHNd, values_BHNd)
    return mixed.transpose(1, 2).flatten(2)


def attend_explicitly(queries_BHQd: Tensor, keys_BHNd: Tensor, values_BHNd: Tensor) -> Tensor:
    """The textbook form with the N x N weights in memory: three lines that the fused kernels must agree with."""
    scaled = queries_BHQd * queries_BHQd.shape[-1] ** -0.5
    weights = torch.softmax(scaled @ keys_BHNd.transpose(-2, -1), dim=-1)
    return weights @ values_BHNd
