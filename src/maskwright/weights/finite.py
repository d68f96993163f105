"""Weights must be numbers: a file of a training that diverged is refused in the same words wherever
it is opened.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor

from maskwright.support.errors import MaskwrightError


def refuse_not_finite(state: Mapping[str, Tensor], place: Path | str) -> None:
    """Raise MaskwrightError, naming the first tensor with NaN or infinity and how many numbers of
    it, when there is one.
    """
    spoiled = [name for name, value in state.items() if not _is_finite(value)]
    if not spoiled:
        return
    first = state[spoiled[0]]
    count = int((~torch.isfinite(first)).sum())
    more = f", and more in {len(spoiled) - 1} other tensors" if len(spoiled) > 1 else ""
    raise MaskwrightError(
        f"The weights in {place} are not finite: {count:,} of {first.numel():,} numbers of"
        f" {spoiled[0]} are NaN or infinite{more}. The training that wrote them diverged, or the"
        " file is damaged; use an earlier checkpoint."
    )


def _is_finite(value: Tensor) -> bool:
    """Whether every number is one; integers always are, and tensors without memory are not looked
    at.
    """
    if value.is_meta or not (value.is_floating_point() or value.is_complex()):
        return True
    return bool(torch.isfinite(value).all())
