"""AdamW as masked autoencoders use it: betas (0.9, 0.95), no decay on vectors."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import nn


def build_optimizer(
    modules: Iterable[nn.Module], *, weight_decay: float, beta2: float
) -> torch.optim.AdamW:
    """Build a fused AdamW over the trainable parameters.

    Biases, norms, tokens and positions are not decayed. The learning rate is set at every step by
    the training module, from progress alone.
    """
    decayed: list[nn.Parameter] = []
    spared: list[nn.Parameter] = []
    for module in modules:
        for name, parameter in module.named_parameters():
            if not parameter.requires_grad:
                continue
            if has_no_decay(name, parameter):
                spared.append(parameter)
            else:
                decayed.append(parameter)

    groups = [
        {"params": decayed, "weight_decay": weight_decay},
        {"params": spared, "weight_decay": 0.0},
    ]
    # Fused only on the devices that are known to have it.
    on_gpu_or_cpu = all(parameter.device.type in ("cpu", "cuda") for parameter in decayed)
    return torch.optim.AdamW(
        [group for group in groups if group["params"]],  # an empty group is an error of torch
        lr=0.0,
        betas=(0.9, beta2),
        fused=on_gpu_or_cpu,
    )


def build_adamw(
    model: nn.Module, others: nn.Module, *, weight_decay: float, beta2: float
) -> torch.optim.AdamW:
    """`build_optimizer` as the catalog calls it: over a model and networks that learn beside it."""
    return build_optimizer([model, others], weight_decay=weight_decay, beta2=beta2)


TOKENS_AND_POSITIONS = ("cls_token", "reg_token", "mask_token", "pos_embed", "bias_table")


def has_no_decay(name: str, parameter: nn.Parameter) -> bool:
    """Whether weight decay leaves a parameter alone.

    It does so with one-dimensional ones, and with tokens and positions stored as (1, N, D).
    """
    last = name.rsplit(".", 1)[-1]
    return parameter.ndim <= 1 or last in TOKENS_AND_POSITIONS
