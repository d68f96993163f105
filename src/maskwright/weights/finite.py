"""Weights must be finite: the file of a training that diverged is refused wherever it is opened."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor

from maskwright.support.errors import MaskwrightError


def refuse_not_finite(state: Mapping[str, Tensor], source: Path | str) -> None:
    """Raise MaskwrightError when a tensor has NaN or infinity.

    source: the file, for the message, which names the first such tensor and counts its numbers.
    """
    spoiled = [name for name, value in state.items() if not _is_finite(value)]
    if not spoiled:
        return
    # Counted for the first alone: all that is needed is a place to look.
    first = state[spoiled[0]]
    count = int((~torch.isfinite(first)).sum())
    more = f", and more in {len(spoiled) - 1} other tensors" if len(spoiled) > 1 else ""
    raise MaskwrightError(
        f"The weights in {source} are not finite: {count:,} of {first.numel():,} numbers of"
        f" {spoiled[0]} are NaN or infinite{more}. The training that wrote them diverged, or the"
        " file is damaged; use an earlier checkpoint."
    )


def _is_finite(value: Tensor) -> bool:
    """Whether every number is finite."""
    # Integers always are, and tensors on the meta device have no numbers to look at.
    if value.is_meta or not (value.is_floating_point() or value.is_complex()):
        return True
    return bool(torch.isfinite(value).all())
