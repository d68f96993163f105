"""Rates of their own for the layers of an encoder that has learned before."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from maskwright.training.layer_decay import layer_of

# The entry of a group whose parameters are the encoder's.
IS_ENCODER = "is_encoder"


def rate_by_layer(
    optimizer: torch.optim.Optimizer, model: nn.Module, depth: int, layer_decay: float
) -> None:
    """Split an optimizer's groups by layer, in place; early layers get a smaller `lr_scale`.

    What comes after the blocks learns at the full rate, block i at `layer_decay` to the power of
    the layers above it, the embedding slowest (Clark et al. 2020). Parameters of other modules are
    left as they are. It works for any optimizer, because a group keeps all its other entries.
    """
    names = {id(parameter): name for name, parameter in model.named_parameters()}
    split: list[dict[str, Any]] = []
    for group in optimizer.param_groups:
        # (whether it is the encoder's, layer) -> parameters, in their order
        parts: dict[tuple[bool, int], list[nn.Parameter]] = {}
        for parameter in group["params"]:
            name = names.get(id(parameter), "")
            place = (name.startswith("encoder."), layer_of(name, depth))
            parts.setdefault(place, []).append(parameter)
        for (is_encoder, layer), parameters in parts.items():
            scale = group.get("lr_scale", 1.0) * layer_decay ** (depth + 1 - layer)
            split.append({**group, "params": parameters, "lr_scale": scale, IS_ENCODER: is_encoder})
    # The rate on record is that of the first group: a full one.
    split.sort(key=lambda group: (group[IS_ENCODER], -group["lr_scale"]))
    optimizer.param_groups[:] = split


def encoder_share(progress: float, decoder_first: float, warmup: float) -> float:
    """The share of its rate at which the encoder learns, at a progress in [0, 1].

    It is 0 while a new decoder learns first, then rises as the rate itself does at the beginning.
    """
    if progress < decoder_first:
        return 0.0
    if decoder_first == 0 or warmup == 0:
        return 1.0
    return min(1.0, (progress - decoder_first) / warmup)
