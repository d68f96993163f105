"""First weights as in the official MAE, drawn from a generator that is passed in."""

from __future__ import annotations

import torch
from torch import nn

_TOKEN_STD = 0.02
_TOKENS = ("cls_token", "reg_token", "mask_token", "pos_embed", "bias_table")


def draw_weights(model: nn.Module, rng: torch.Generator) -> None:
    """Set every trainable parameter.

    Linear maps are Xavier-uniform, biases zero, tokens and learned tables normal(0, 0.02); norms
    come as units. Fixed position tables stay as they are.
    """
    for module in model.modules():
        if isinstance(module, (nn.Linear, nn.Conv2d)):
            # flattened, because the patch embedding counts as the linear map that it is
            nn.init.xavier_uniform_(module.weight.data.flatten(1), generator=rng)
            if module.bias is not None:
                nn.init.zeros_(module.bias)
    for name, parameter in model.named_parameters():
        is_token = name.rpartition(".")[2] in _TOKENS
        if is_token and parameter.requires_grad:
            nn.init.normal_(parameter, std=_TOKEN_STD, generator=rng)
