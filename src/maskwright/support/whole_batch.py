"""Rows of all processes that train together, for losses that compare the pictures of a batch."""

from __future__ import annotations

from typing import Any

import torch
import torch.distributed as distributed
from torch import Tensor


def join_rows(rows: Tensor) -> Tensor:
    """The rows (B, ...) of all processes in the order of their ranks; all of them have to call it.

    Every process then computes one loss L of the whole batch, and after the usual averaging of
    gradients all have the gradient that one process with the whole batch has.
    """
    joined: Tensor = _Gather.apply(rows)
    return joined


class _Gather(torch.autograd.Function):
    """Rows of W processes; the gradient goes back to the own rows, W times as large.

    Let rows x_r = f(theta, pictures of process r), and L(x_1, ..., x_W) the loss, which every
    process computes from the same numbers. Wanted, as a single process has it:

        dL/dtheta = sum over r of (dL/dx_r) (dx_r/dtheta)

    Process r reaches theta through its own rows alone, so from it comes c (dL/dx_r) (dx_r/dtheta)
    for a factor c of our choice, and averaging makes (c / W) times the sum above of it. So c = W.
    Nothing has to be sent back: each process knows dL/dx_r by itself.
    """

    @staticmethod
    def forward(ctx: Any, rows: Tensor) -> Tensor:
        parts = [torch.empty_like(rows) for _ in range(distributed.get_world_size())]
        distributed.all_gather(parts, rows.contiguous())
        return torch.cat(parts)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Tensor:
        return own_gradient(gradients[0], distributed.get_rank(), distributed.get_world_size())


def own_gradient(gradient: Tensor, rank: int, processes: int) -> Tensor:
    """The gradient (B, ...) that a process takes of that of all rows (processes * B, ...)."""
    return gradient.chunk(processes)[rank] * processes
