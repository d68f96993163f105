"""LARS: every layer moves by a fixed share of its own size (You et al. 2017)."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor
from torch.optim import Optimizer


class Lars(Optimizer):
    """Momentum on gradients whose size is `trust` times that of their weights.

    Biases (1-D) get plain gradients and no decay.
    """

    def __init__(
        self,
        parameters: Iterable[Tensor],
        lr: float = 0.0,
        *,
        momentum: float = 0.9,
        trust: float = 0.001,
        weight_decay: float = 0.0,
    ) -> None:
        super().__init__(
            parameters,
            {"lr": lr, "momentum": momentum, "trust": trust, "weight_decay": weight_decay},
        )

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """One step of all parameters that have gradients."""
        loss = None if closure is None else closure()
        for group in self.param_groups:
            for weight in group["params"]:
                if weight.grad is not None:
                    self._move(weight, group)
        return loss

    def _move(self, weight: Tensor, group: dict[str, Any]) -> None:
        gradient = weight.grad
        assert gradient is not None
        if weight.ndim > 1:
            gradient = gradient + group["weight_decay"] * weight
            size, steepness = weight.norm(), gradient.norm()
            share = group["trust"] * size / steepness
            # Weights or gradients of 0 have no size to be a share of; a tensor avoids waiting.
            is_known = (size > 0) & (steepness > 0)
            gradient = gradient * torch.where(is_known, share, 1.0)
        state = self.state[weight]
        if "speed" in state:
            state["speed"] = state["speed"] * group["momentum"] + gradient
        else:
            state["speed"] = gradient.clone()
        # The rate scales the step and not the momentum, as in the code of MAE.
        weight -= group["lr"] * state["speed"]
