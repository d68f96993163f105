"""The moving average of a training's weights, which is what is measured and kept."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn


class WeightAverage:
    """An exponential moving average of all parameters; buffers are kept as they are.

    The first update copies the weights. Checkpoints hold the average as `state_dict`, so that
    whoever opens them gets it, and the trained weights beside it to go on from.
    """

    def __init__(self, module: nn.Module, decay: float) -> None:
        """decay: share of the average that a step leaves as it was."""
        self._decay = decay
        self._updates = 0
        self._names = [name for name, _ in module.named_parameters()]
        self._values = [parameter.detach().clone() for parameter in module.parameters()]

    @torch.no_grad()
    def update(self, module: nn.Module) -> None:
        """Move towards the weights after a step."""
        current = [parameter.detach() for parameter in module.parameters()]
        # Averaging from the random weights of the beginning would drag them along for long.
        share = 1.0 if self._updates == 0 else 1 - self._decay
        # One call for all tensors: a loop over them costs a kernel launch each on a GPU.
        torch._foreach_lerp_(self._values, current, share)
        self._updates += 1

    @contextmanager
    def in_place(self, module: nn.Module) -> Iterator[None]:
        """Put the average into the module, and the trained weights back afterwards."""
        self._swap(module)
        try:
            yield
        finally:
            # Also after an error in what is measured: the training must not go on from averages.
            self._swap(module)

    @torch.no_grad()
    def _swap(self, module: nn.Module) -> None:
        # Values are exchanged, not tensors: the optimizer holds on to the parameters themselves.
        for average, parameter in zip(self._values, module.parameters(), strict=True):
            trained = parameter.detach().clone()
            parameter.copy_(average)
            average.copy_(trained)

    def save(self, checkpoint: dict[str, Any]) -> None:
        """Put the average in the place of the weights of a checkpoint."""
        trained: dict[str, Tensor] = checkpoint["state_dict"]
        averaged = dict(zip(self._names, self._values, strict=True))
        # The names that Lightning's callback gave them: checkpoints of then go on too.
        checkpoint["current_model_state"] = trained
        # Buffers have no average and stay as they are.
        checkpoint["state_dict"] = {**trained, **averaged}
        checkpoint["averaging_state"] = {"n_averaged": torch.tensor(self._updates)}

    @torch.no_grad()
    def restore(self, checkpoint: dict[str, Any]) -> None:
        """Go on from a checkpoint that `save` has changed; takes it back to the trained weights."""
        averaged = checkpoint["state_dict"]
        for name, value in zip(self._names, self._values, strict=True):
            value.copy_(averaged[name])
        self._updates = int(checkpoint["averaging_state"]["n_averaged"])
        checkpoint["state_dict"] = checkpoint["current_model_state"]
