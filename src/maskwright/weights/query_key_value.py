"""Queries, keys and values that lie in three tensors, as one tensor in this order."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor

from maskwright.support.errors import MaskwrightError

Thirds = dict[str, dict[int, Tensor]]
"""Official name of the whole, then 0 for queries, 1 for keys, 2 for values."""


def join_thirds(
    thirds: Mapping[str, Mapping[int, Tensor]], path: Path, *, biased_keys: bool = True
) -> dict[str, Tensor]:
    """Three (D, ...) tensors each to one (3D, ...).

    biased_keys: whether keys have a bias; in families where they have none it is zero.

    Raises MaskwrightError, naming the file, where a part is missing.
    """
    joined: dict[str, Tensor] = {}
    for name, parts in thirds.items():
        held = dict(parts)
        if not biased_keys and name.endswith(".bias") and held:
            held.setdefault(1, torch.zeros_like(next(iter(held.values()))))
        if len(held) < 3:
            raise MaskwrightError(
                f"{path} lacks a part of {name}: query, key and value are needed."
            )
        joined[name] = torch.cat([held[third] for third in range(3)])
    return joined
