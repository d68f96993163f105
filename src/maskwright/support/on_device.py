"""Moving small things to a device without waiting for it."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor


def numbers_on(device: torch.device, numbers: Any, dtype: torch.dtype | None = None) -> Tensor:
    """A tensor of numbers, or of nested lists of numbers, on a device.

    `torch.tensor(numbers, device=card)` waits until the card has done all that it was asked for,
    which costs a training step its head start.
    """
    return move(torch.tensor(numbers, dtype=dtype), device)


def move(tensor: Tensor, device: torch.device) -> Tensor:
    """The tensor on a device; the copy to a CUDA card goes on while the program does.

    The driver has read ordinary memory when the call returns, so the tensor may be forgotten.
    """
    # Only CUDA promises that; a copy to Apple's MPS reads the memory later.
    return tensor.to(device, non_blocking=device.type == "cuda")


def move_batch(batch: Any, device: torch.device) -> Any:
    """A batch with its tensors on a device; other values are passed through."""
    if isinstance(batch, Tensor):
        return move(batch, device)
    if isinstance(batch, dict):
        return {name: move_batch(value, device) for name, value in batch.items()}
    # A named tuple is built from its values one by one.
    if isinstance(batch, tuple) and hasattr(batch, "_fields"):
        return type(batch)(*(move_batch(value, device) for value in batch))
    return batch
