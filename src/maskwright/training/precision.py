"""What the arithmetic of a training step is done in."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch

# The words that settings use, and what matrix products are computed in; None for all in float32.
PRECISIONS: dict[str, torch.dtype | None] = {
    "32-true": None,
    "bf16-mixed": torch.bfloat16,
    "16-mixed": torch.float16,
}


class Precision:
    """Autocast, and for half precision the scale that keeps small gradients from vanishing."""

    def __init__(self, word: str, device: torch.device) -> None:
        self._dtype = PRECISIONS[word]
        self._device_type = device.type
        self.scaler: torch.amp.GradScaler | None = None
        # bfloat16 reaches as far as float32, so it needs no scale.
        if self._dtype is torch.float16:
            self.scaler = torch.amp.GradScaler(device.type)

    def forward_context(self) -> AbstractContextManager[Any]:
        """What the forward pass runs in."""
        if self._dtype is None:
            return nullcontext()
        return torch.autocast(self._device_type, dtype=self._dtype)

    def scale(self, loss: torch.Tensor) -> torch.Tensor:
        """The loss whose gradient is taken."""
        return loss if self.scaler is None else self.scaler.scale(loss)

    def unscale(self, optimizer: torch.optim.Optimizer) -> None:
        """Give the gradients their true size, before anybody looks at them."""
        if self.scaler is not None:
            self.scaler.unscale_(optimizer)

    def step(self, optimizer: torch.optim.Optimizer) -> None:
        """Take the optimizer's step, unless half precision has overflowed."""
        if self.scaler is None:
            optimizer.step()
            return
        self.scaler.step(optimizer)
        self.scaler.update()

    def state(self) -> dict[str, Any]:
        """For a checkpoint."""
        return {} if self.scaler is None else self.scaler.state_dict()

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from what `state` gave."""
        if self.scaler is not None and state:
            self.scaler.load_state_dict(state)
