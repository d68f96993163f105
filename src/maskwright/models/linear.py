"""Linear layers, with a faster backward pass for bfloat16 autocast on CPU.

torch's own is the slowest part of a step there.

The weight gradient is g^T x, and oneDNN is slow on a transposed view; copying one factor first may
pay. CPU milliseconds with the cast to float32, one thread, AMX shared with other work, torch 2.15
(rows, inputs, outputs):

                         g^T as a view   copy g^T   copy x^T, transpose the result
    (400, 768, 3072)          14.2          9.9         20.9
    (800, 384, 1536)           5.2          6.7          5.6
    (800, 1536, 384)           5.5          4.1          8.4
    (1576, 512, 2048)         18.3         19.2         16.9
    (3152, 256, 1024)         10.2         16.1          8.1

The bias gradient is a product with ones (0.55 ms against 1.6 ms for a sum of 3152 x 1024). The
values agree up to bfloat16 rounding.
"""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils import skip_init

# Where the table above changes sides: copy the one factor up to here, the other from here on.
_FEW_ROWS = 512
_MANY_ROWS = 1024


class Linear(nn.Linear):
    """A linear layer; under bfloat16 autocast on CPU it computes the same through `_CpuLinear`."""

    def forward(self, input: Tensor) -> Tensor:
        return apply_linear(input, self.weight, self.bias)


def build_linear(inputs: int, outputs: int) -> Linear:
    """A linear layer whose weights are still unset, so that building one draws no random number."""
    return skip_init(Linear, inputs, outputs)


def apply_linear(tokens_BND: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """Map the last dimension by weight (outputs, inputs) and bias, like `F.linear`."""
    is_reduced = torch.is_autocast_enabled("cpu")
    is_reduced = is_reduced and torch.get_autocast_dtype("cpu") == torch.bfloat16
    if tokens_BND.device.type == "cpu" and is_reduced:
        return _CpuLinear.apply(tokens_BND, weight, bias)
    return F.linear(tokens_BND, weight, bias)


class _CpuLinear(torch.autograd.Function):
    """bfloat16 products in both directions, float32 gradients for float32 weights."""

    @staticmethod
    def forward(ctx: Any, tokens_BND: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        rows = tokens_BND.reshape(-1, tokens_BND.shape[-1]).bfloat16()  # (B * N, inputs)
        half = weight.bfloat16()
        ctx.save_for_backward(rows, half)
        # gradients go back in the types that came
        ctx.types = tokens_BND.dtype, weight.dtype, bias.dtype
        ctx.shape = tokens_BND.shape
        return torch.addmm(bias.bfloat16(), rows, half.t()).view(*tokens_BND.shape[:-1], -1)

    @staticmethod
    def backward(ctx: Any, slope: Tensor) -> tuple[Tensor | None, Tensor | None, Tensor | None]:
        rows, half = ctx.saved_tensors
        kind_in, kind_weight, kind_bias = ctx.types
        slope = slope.reshape(-1, slope.shape[-1]).bfloat16()  # (B * N, outputs)
        # the first layer needs none for its input, a frozen one none for its weight
        to_input = None
        if ctx.needs_input_grad[0]:
            to_input = torch.mm(slope, half).view(ctx.shape).to(kind_in)
        to_weight = None
        if ctx.needs_input_grad[1]:
            to_weight = _outer(slope, rows).to(kind_weight)
        # a product with ones is three times as fast as a sum
        ones = slope.new_ones(1, slope.shape[0])
        to_bias = torch.mm(ones, slope)[0].to(kind_bias)
        return to_input, to_weight, to_bias


def _outer(slope: Tensor, rows: Tensor) -> Tensor:
    """slope^T rows, (outputs, inputs).

    It transposes by copying where the copy costs less than the product saves (see the table above).
    """
    count, outputs = slope.shape
    if outputs < rows.shape[1] or count <= _FEW_ROWS:
        return torch.mm(slope.t().contiguous(), rows)
    if count >= _MANY_ROWS:
        return torch.mm(rows.t().contiguous(), slope).t().contiguous()
    return torch.mm(slope.t(), rows)
