"""A card that is not there: tensors with shapes, types and a place on `cuda`, and no values.

torch's fake tensors refuse what mixes tensors of processor and card, and whatever needs the values
of a card's tensor. What would let a real step wait for the card is recorded here.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.utils._python_dispatch import TorchDispatchMode

CARD = torch.device("cuda", 0)
READ = torch.ops.aten._local_scalar_dense.default  # `item`, `float(...)`, `bool(...)`
COPIES = (torch.ops.aten._to_copy.default, torch.ops.aten.copy_.default)


class Waits(TorchDispatchMode):
    """Records what waits for the card.

    reads: numbers that were read from it, as text.
    copies: tensors that were copied to it or from it in a way that waits.
    """

    def __init__(self) -> None:
        super().__init__()
        self.reads: list[str] = []
        self.copies: list[str] = []
        self._turn = False

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        kwargs = kwargs or {}
        if func is READ and args[0].device.type == "cuda":
            self.reads.append(str(args[0].dtype))
            # There is no value: a verdict is good, a number is one.
            return True if args[0].dtype == torch.bool else 1
        if func is READ:
            # Nothing waits, and there is no value here either: two in turn, so that pictures which
            # draw numbers draw different ones.
            self._turn = not self._turn
            return 0.2 if self._turn else 0.8
        result = func(*args, **kwargs)
        if (
            func in COPIES
            and _changes_place(func, args, result)
            and not _is_async(func, args, kwargs)
        ):
            self.copies.append(f"{tuple(result.shape)} {result.dtype} to {result.device.type}")
        return result


def _changes_place(func: Any, args: tuple[Any, ...], result: Tensor) -> bool:
    source = args[1] if func is COPIES[1] else args[0]
    return bool(source.device.type != result.device.type)


def _is_async(func: Any, args: tuple[Any, ...], kwargs: Any) -> bool:
    given = args[2] if func is COPIES[1] and len(args) > 2 else kwargs.get("non_blocking", False)
    return bool(given)


@contextmanager
def pretended_card(module: nn.Module) -> Iterator[Waits]:
    """Put a module on a card that is not there; its weights lose their values."""
    with FakeTensorMode(allow_non_fake_inputs=True):
        _pretend(module)
        with Waits() as waits:
            yield waits


def _pretend(module: nn.Module) -> None:
    for part in module.modules():
        for name, weight in part._parameters.items():
            if weight is not None:
                moved = torch.empty(weight.shape, dtype=weight.dtype, device=CARD)
                part._parameters[name] = nn.Parameter(moved, requires_grad=weight.requires_grad)
        for name, buffer in part._buffers.items():
            if buffer is not None:
                part._buffers[name] = torch.empty(buffer.shape, dtype=buffer.dtype, device=CARD)
