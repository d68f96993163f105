"""A classifier's answers to labeled pictures: a score per class, and how often each class is told
right.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import torch
from torch import Tensor

from maskwright.evaluation.features import ImageBatch
from maskwright.evaluation.frozen import held_still
from maskwright.patches.pixels import PixelScale


def answer_all(
    classify: Callable[[Tensor], Tensor],
    batches: Iterable[ImageBatch],
    *,
    scale: PixelScale,
    device: torch.device,
    precision: torch.dtype = torch.float32,
) -> Tensor:
    """(n, K) float32 scores of all pictures on the CPU, without chance; classify: a bound method of
    a module, (B, C, H, W) -> (B, K).
    """
    with held_still(classify, device, precision):
        return torch.cat(
            [classify(scale.to_model(batch.images.to(device))).float().cpu() for batch in batches]
        )


def accuracy_by_class(
    correct: Tensor, truth: Tensor, classes: Sequence[str]
) -> dict[str, dict[str, Any]]:
    """For each class the share of its (n,) pictures told right and their number; a class without
    test pictures is left out.
    """
    counts = torch.bincount(truth, minlength=len(classes))
    rights = torch.bincount(truth[correct], minlength=len(classes))
    return {
        name: {"top1": right / count, "num_test": count}
        for name, right, count in zip(classes, rights.tolist(), counts.tolist(), strict=False)
        if count
    }
