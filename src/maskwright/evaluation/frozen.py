"""Models held still while they are measured, and put back into their own mode afterwards."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import MethodType
from typing import Any

import torch
from torch import nn

from maskwright.support.environment import pick_precision


@contextmanager
def evaluation_mode(
    call: Callable[..., Any], device: torch.device, precision: torch.dtype = torch.float32
) -> Iterator[None]:
    """Run a block without gradients and with the module behind `call` in evaluation mode, each
    part's own mode restored after it.

    call: a module or a bound method of one (`model.encode`); a plain function keeps its own mode.
    precision: bfloat16 and float16 switch autocast on for `device`.
    """
    module = _module_behind(call)
    # Each part's mode by itself: a model may hold parts that were frozen before.
    modes = {part: part.training for part in module.modules()} if module is not None else {}
    for part in modes:
        part.training = False
    try:
        with (
            torch.no_grad(),
            torch.autocast(device.type, dtype=precision, enabled=precision != torch.float32),
        ):
            yield
    finally:
        for part, training in modes.items():
            part.training = training


def frozen_precision(device: torch.device) -> torch.dtype:
    """What frozen encoders compute in: bfloat16 where it is fast, else float32."""
    # Where only float16 is fast, float32 is taken: its range does not overflow.
    return torch.bfloat16 if pick_precision(device) == "bf16-mixed" else torch.float32


def _module_behind(call: Callable[..., Any]) -> nn.Module | None:
    owner = call.__self__ if isinstance(call, MethodType) else call
    return owner if isinstance(owner, nn.Module) else None
