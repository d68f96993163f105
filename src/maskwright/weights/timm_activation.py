"""Which activation a model of timm has: weights do not show it, but its name does."""

from __future__ import annotations

from typing import Any

import torch

# Classes of torch and timm by our word; torch's GELU may be the approximation, too.
_CLASSES = {
    "GELU": "gelu",
    "GELUTanh": "gelu_tanh",
    "QuickGELU": "quick_gelu",
}


def activation_of_module(module: Any) -> str | None:
    """Our word for an activation module of torch or timm; None for one that we do not have."""
    if getattr(module, "approximate", "none") == "tanh":
        return "gelu_tanh"
    return _CLASSES.get(type(module).__name__)


def activation_of_name(name: str) -> str | None:
    """The activation of timm's model of that name; None where timm has no such model."""
    # Here and not above: it takes seconds, and few files have such a name.
    import timm

    architecture = name.partition(".")[0]
    if not timm.is_model(architecture):
        return None
    # Without memory for weights.
    with torch.device("meta"):
        model: Any = timm.create_model(architecture, pretrained=False, num_classes=0)
    return activation_of_module(model.blocks[0].mlp.act)
