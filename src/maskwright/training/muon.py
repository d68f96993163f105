"""Muon (Jordan et al. 2024): orthogonal momentum for matrices, AdamW for everything else.

Updates are scaled to the size of AdamW's (Liu et al. 2025, `match_rms_adamw` in torch.optim.Muon),
so both share one rate and one decay.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim.adamw import adamw

from maskwright.support.environment import cpu_has_fast_bf16
from maskwright.training.optimizer import has_no_decay
from maskwright.training.orthogonal import orthogonalize

# Momentum and the scale that matches AdamW's updates are those of the two papers.
MOMENTUM = 0.95
MATCHED_RMS = 0.2
EPSILON = 1e-8
# Projections that hold several matrices one above the other; each is made orthogonal on its own.
PACKED = {"qkv": 3, "kv": 2}
# Rate of a policy's own network over the run's: Muon's rates are about ten times those that AdamW
# takes there.
POLICY_SHARE = 0.1


@dataclass(frozen=True)
class Update:
    """What a parameter is about to be moved by, before it is made orthogonal.

    parameter: (parts * rows, columns).
    values: the update, of the same shape.
    parts: how many matrices lie in it, one above the other.
    """

    parameter: nn.Parameter
    values: Tensor
    parts: int

    @property
    def shape(self) -> tuple[int, int]:
        """The sides of one matrix, the shorter first."""
        rows, columns = len(self.values) // self.parts, self.values.shape[1]
        return min(rows, columns), max(rows, columns)

    @property
    def stands(self) -> bool:
        """Whether a matrix has more rows than columns; then its transpose is made orthogonal."""
        return len(self.values) // self.parts > self.values.shape[1]

    def lying(self) -> Tensor:
        """The matrices as (parts, shorter side, longer side)."""
        matrices = self.values.unflatten(0, (self.parts, -1))  # (parts, rows, columns)
        return matrices.transpose(1, 2) if self.stands else matrices

    def upright(self, lying: Tensor) -> Tensor:
        """Matrices as `lying` gives them, brought back to the shape of the parameter."""
        return (lying.transpose(1, 2) if self.stands else lying).flatten(0, 1)


# What updates must share to be made orthogonal and applied together: the sides of a matrix, rate
# and decay.
Batch = tuple[tuple[int, int], float, float]


class Muon(torch.optim.Optimizer):
    """One optimizer with two kinds of groups.

    Groups with `parts` of 1 or more are matrices for Muon, 0 are parameters for AdamW. To everyone
    else it is a plain optimizer: groups have `lr` and `weight_decay`, the state is one dict per
    parameter (`momentum` for Muon; `step`, `exp_avg`, `exp_avg_sq` for AdamW), gradients come
    unscaled.

    beta2: of AdamW.
    dtype: what the iteration computes in; bfloat16 where that is fast when None.
    """

    def __init__(
        self,
        groups: Iterable[dict[str, Any]],
        *,
        beta2: float = 0.95,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__(
            groups, {"lr": 0.0, "weight_decay": 0.0, "parts": 0, "beta2": beta2, "fused": True}
        )
        self.dtype = dtype

    @torch.no_grad()
    def step(self, closure: Any = None) -> Any:
        """Move all parameters that have a gradient."""
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        # Collect matrices of equal shape over all groups: one batched product serves them all.
        batches: dict[Batch, list[Update]] = {}
        for group in self.param_groups:
            moved = [parameter for parameter in group["params"] if parameter.grad is not None]
            if moved and group["parts"]:
                for update in self._updates(moved, group["parts"]):
                    batch = (update.shape, group["lr"], group["weight_decay"])
                    batches.setdefault(batch, []).append(update)
            elif moved:
                self._step_adamw(moved, group)
        for (_, rate, decay), updates in batches.items():
            self._step_matrices(updates, rate, decay)
        return loss

    def _updates(self, moved: list[nn.Parameter], parts: int) -> list[Update]:
        """Move the momenta of a group; returns where Nesterov's rule looks.

        That is the momentum with the gradient counted once more.
        """
        gradients = [_gradient(parameter) for parameter in moved]
        momenta = [self._momentum(parameter) for parameter in moved]
        torch._foreach_lerp_(momenta, gradients, 1 - MOMENTUM)
        ahead = torch._foreach_lerp(gradients, momenta, MOMENTUM)
        return [
            Update(parameter, values, parts) for parameter, values in zip(moved, ahead, strict=True)
        ]

    def _momentum(self, parameter: nn.Parameter) -> Tensor:
        state = self.state[parameter]
        if not state:
            state["momentum"] = torch.zeros_like(parameter)
        return state["momentum"]

    def _step_matrices(self, updates: list[Update], rate: float, decay: float) -> None:
        """Make all updates of one shape orthogonal in one batch and apply them."""
        lying = [update.lying() for update in updates]
        stacked_Krc = torch.cat(lying)
        fast_Krc = stacked_Krc.to(self.dtype or fast_dtype(stacked_Krc.device))
        orthogonal_Krc = orthogonalize(fast_Krc).to(stacked_Krc.dtype)

        # Cut apart again: each parameter gets its own matrices back in its own shape.
        pieces = orthogonal_Krc.split([len(part) for part in lying])
        steps = [update.upright(piece) for update, piece in zip(updates, pieces, strict=True)]
        moved: list[Tensor] = [update.parameter for update in updates]
        # An orthogonal (r, c) matrix has entries of size 1 / sqrt(max(r, c)).
        scale = MATCHED_RMS * max(stacked_Krc.shape[1:]) ** 0.5
        torch._foreach_mul_(moved, 1 - rate * decay)
        torch._foreach_add_(moved, steps, alpha=-rate * scale)

    def _step_adamw(self, moved: list[nn.Parameter], group: dict[str, Any]) -> None:
        states = [self.state[parameter] for parameter in moved]
        for parameter, state in zip(moved, states, strict=True):
            if not state:
                state["step"] = torch.zeros((), device=parameter.device)
                state["exp_avg"] = torch.zeros_like(parameter)
                state["exp_avg_sq"] = torch.zeros_like(parameter)
        # The functional form of torch: one AdamW step without an optimizer around it.
        fused = all(parameter.device.type in ("cpu", "cuda") for parameter in moved)
        adamw(
            list(moved),
            [_gradient(parameter) for parameter in moved],
            [state["exp_avg"] for state in states],
            [state["exp_avg_sq"] for state in states],
            [],  # no amsgrad maxima
            [state["step"] for state in states],
            fused=fused,
            amsgrad=False,
            beta1=0.9,
            beta2=group["beta2"],
            lr=group["lr"],
            weight_decay=group["weight_decay"],
            eps=EPSILON,
            maximize=False,
        )


def build_muon(model: nn.Module, others: nn.Module, *, weight_decay: float, beta2: float) -> Muon:
    """Build Muon over a model and over other networks (a policy's own), which learn by AdamW.

    The others learn at a slower rate. Matrices are the two-dimensional weights inside `blocks` of
    encoder and decoder; embeddings, norms, biases, tokens and the prediction head are AdamW's, of
    which vectors, tokens and positions are not decayed.
    """
    # (parts, decay, share of the rate) -> parameters
    groups: dict[tuple[int, float, float], list[nn.Parameter]] = {}
    for module, share in ((model, 1.0), (others, POLICY_SHARE)):
        for name, parameter in module.named_parameters():
            if not parameter.requires_grad:
                continue
            parts = count_parts(name, parameter) if module is model else 0
            decay = 0.0 if has_no_decay(name, parameter) else weight_decay
            groups.setdefault((parts, decay, share), []).append(parameter)
    listed = [
        {"params": parameters, "parts": parts, "weight_decay": decay, "lr_scale": share}
        for (parts, decay, share), parameters in groups.items()
    ]
    return Muon(listed, beta2=beta2)


def count_parts(name: str, parameter: nn.Parameter) -> int:
    """How many matrices lie in a parameter, 0 for what is not Muon's."""
    if parameter.ndim != 2 or ".blocks." not in f".{name}":
        return 0
    return PACKED.get(name.split(".")[-2], 1)


def fast_dtype(device: torch.device) -> torch.dtype:
    """What the iteration computes in: bfloat16 where hardware multiplies it.

    That changes no training.
    """
    fast = device.type == "cuda" or (device.type == "cpu" and cpu_has_fast_bf16())
    return torch.bfloat16 if fast else torch.float32


def _gradient(parameter: nn.Parameter) -> Tensor:
    assert parameter.grad is not None
    return parameter.grad
