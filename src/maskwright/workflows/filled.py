"""What one model makes of pictures under given masks: rows to show and numbers, in one pass over the pictures."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor

from maskwright.evaluation.frozen import held_still
from maskwright.evaluation.reconstruction import ReconstructionResult, join_results, mask_rows, measure_prediction
from maskwright.patches import PatchMask
from maskwright.visual.reconstructions import SheetRow, sheet_rows
from maskwright.weights.checkpoint import LoadedModel

CHUNK = 64


@dataclass(frozen=True)
class Filled:
    """One arm of a comparison: which model and policy, its masks, a row per picture, and a number per picture."""

    label: str
    place: str
    policy: str
    ratio: float
    mask: PatchMask
    rows: tuple[SheetRow, ...]
    result: ReconstructionResult

    def to_dict(self, seed: int) -> dict[str, Any]:
        """What it was and what came out, ready for JSON, with every picture's own numbers."""
        own = {name: getattr(self.result, name).tolist() for name in ("loss", "psnr", "ssim")}
        return {"label": self.label, "run": self.place, "policy": self.policy, **self.result.to_dict(seed), "per_picture": own}


def fill_pictures(
    loaded: LoadedModel, images: Tensor, mask: PatchMask, stats: Literal["visible", "target"], device: torch.device
) -> tuple[tuple[SheetRow, ...], ReconstructionResult]:
    """Let a model fill in (n, C, H, W) uint8 pictures under the given masks."""
    model = loaded.model.to(device)
    rows: list[SheetRow] = []
    parts: list[ReconstructionResult] = []
    with held_still(model, device):
        for start in range(0, len(images), CHUNK):
            some = slice(start, start + CHUNK)
            prediction = model(loaded.scale.to_model(images[some].to(device)), mask_rows(mask, some).predict_all().to(device))
            parts.append(measure_prediction(prediction, loaded.scale, stats))
            rows += sheet_rows(prediction, loaded.scale, stats)
    return tuple(rows), join_results(parts)
