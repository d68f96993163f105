"""AdamW for fine-tuning: the nearer a layer is to the pixels, the slower it learns."""

from __future__ import annotations

import torch

from maskwright.models.classifier import Classifier
from maskwright.training.optimizer import has_no_decay


def build_layered_optimizer(
    model: Classifier, *, weight_decay: float, layer_decay: float
) -> torch.optim.AdamW:
    """Build a fused AdamW, betas (0.9, 0.999), whose groups carry `lr_scale`, head first.

    The head and the last norm learn at the full rate, block i at `layer_decay` to the power of the
    layers above it, the embedding slowest (Clark et al. 2020; He et al. 2022, table 9). Vectors,
    tokens and positions are not decayed.
    """
    # (layer, whether it is spared weight decay) -> parameters
    groups: dict[tuple[int, bool], list[torch.nn.Parameter]] = {}
    for name, parameter in model.named_parameters():
        if parameter.requires_grad:
            group = (layer_of(name, model.config.depth), has_no_decay(name, parameter))
            groups.setdefault(group, []).append(parameter)

    # Head first: the rate that is logged is that of the first group, the full one.
    last = model.config.depth + 1
    listed = [
        {
            "params": groups[layer, spared],
            "weight_decay": 0.0 if spared else weight_decay,
            "lr_scale": layer_decay ** (last - layer),
        }
        for layer, spared in sorted(groups, reverse=True)
    ]
    # Fused only on the devices that are known to have it.
    on_gpu_or_cpu = all(
        parameter.device.type in ("cpu", "cuda") for parameter in model.parameters()
    )
    return torch.optim.AdamW(listed, lr=0.0, betas=(0.9, 0.999), fused=on_gpu_or_cpu)


def layer_of(name: str, depth: int) -> int:
    """The layer of a parameter by its name.

    0 for patch embedding, tokens and positions, 1 to `depth` for the blocks, `depth` + 1 for what
    comes after them.
    """
    inner = name.removeprefix("encoder.")
    if inner.startswith("blocks."):
        return int(inner.split(".")[1]) + 1
    # the norm before the first block belongs to what it norms, and so do places
    before = ("patch_embed.", "cls_token", "reg_token", "pos_embed", "relation.", "norm_pre.")
    return 0 if inner.startswith(before) else depth + 1
