"""A classifier's answers to labeled pictures: a score per class, and accuracy by class."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import torch
from torch import Tensor

from maskwright.evaluation.features import ImageBatch
from maskwright.evaluation.frozen import evaluation_mode
from maskwright.patches.pixels import PixelScale


def answer_all(
    classify: Callable[[Tensor], Tensor],
    batches: Iterable[ImageBatch],
    *,
    scale: PixelScale,
    device: torch.device,
    precision: torch.dtype = torch.float32,
) -> Tensor:
    """(n, K) float32 scores of all pictures, on the CPU.

    classify: a bound method of a module, (B, C, H, W) -> (B, K).
    """
    scores = []
    # Held still, dropout and stochastic depth are off and nothing is left to chance.
    with evaluation_mode(classify, device, precision):
        for batch in batches:
            images = scale.to_model(batch.images.to(device))
            scores.append(classify(images).float().cpu())
    return torch.cat(scores)


def accuracy_by_class(
    correct: Tensor, truth: Tensor, classes: Sequence[str]
) -> dict[str, dict[str, Any]]:
    """For each class the accuracy on its pictures and their number.

    correct: (n,) booleans.
    truth: (n,) labels.

    A class without test pictures is left out.
    """
    counts = torch.bincount(truth, minlength=len(classes))
    rights = torch.bincount(truth[correct], minlength=len(classes))
    return {
        name: {"top1": right / count, "num_test": count}
        for name, right, count in zip(classes, rights.tolist(), counts.tolist(), strict=False)
        if count
    }
