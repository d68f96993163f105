"""What one model makes of pictures under given masks: rows to show and numbers, in one pass over
the pictures.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor

from maskwright.evaluation.fill import hidden_pixels
from maskwright.evaluation.fillers import fill_trivially
from maskwright.evaluation.frozen import held_still
from maskwright.evaluation.metrics import bootstrap_interval
from maskwright.evaluation.pixel_scores import Distance, PixelScores, join_scores, score_pixels
from maskwright.evaluation.reconstruction import (
    ReconstructionResult,
    join_results,
    mask_rows,
    measure_prediction,
)
from maskwright.patches import Grid, PatchMask
from maskwright.visual.reconstructions import SheetRow, sheet_rows
from maskwright.weights.checkpoint import LoadedModel

CHUNK = 64


@dataclass(frozen=True)
class Filled:
    """One arm of a comparison: which model and policy, its masks, a row per picture, and a number
    per picture.
    """

    label: str
    place: str
    policy: str
    ratio: float
    mask: PatchMask
    rows: tuple[SheetRow, ...]
    result: ReconstructionResult
    scores: PixelScores

    def to_dict(self, seed: int) -> dict[str, Any]:
        """What it was and what came out, ready for JSON, with every picture's own numbers."""
        scores = self.scores.to_dict(seed)
        own = {"loss": self.result.loss.tolist(), **scores["per_picture"]}
        about = {"label": self.label, "run": self.place, "policy": self.policy}
        return {**about, **scores, **self.result.to_dict(seed), "per_picture": own}


def fill_pictures(
    loaded: LoadedModel,
    images: Tensor,
    mask: PatchMask,
    stats: Literal["visible", "target"],
    device: torch.device,
    distance: Distance | None = None,
) -> tuple[tuple[SheetRow, ...], ReconstructionResult, PixelScores]:
    """Let a model fill in (n, C, H, W) uint8 pictures under the given masks."""
    model = loaded.model.to(device)
    rows: list[SheetRow] = []
    parts: list[ReconstructionResult] = []
    scores: list[PixelScores] = []
    with held_still(model, device):
        for start in range(0, len(images), CHUNK):
            some = slice(start, start + CHUNK)
            prediction = model(
                loaded.scale.to_model(images[some].to(device)),
                mask_rows(mask, some).predict_all().to(device),
            )
            parts.append(measure_prediction(prediction, loaded.scale, stats))
            rows += (new := sheet_rows(prediction, loaded.scale, stats))
            composite, truth, hidden = (
                torch.stack([getattr(row, name) for row in new])
                for name in ("composite", "original", "is_masked")
            )
            scores.append(score_pixels(composite, truth, hidden, distance))
    return tuple(rows), join_results(parts), join_scores(scores)


def fill_by_nothing(
    images: Tensor, mask: PatchMask, grid: Grid, distance: Distance | None = None
) -> dict[str, PixelScores]:
    """The numbers of fills that learn nothing, on the same hidden pixels of (n, C, H, W) uint8
    pictures.
    """
    truth, hidden = images.float() / 255, hidden_pixels(mask, grid)
    return {
        name: score_pixels(fill, truth, hidden, distance)
        for name, fill in fill_trivially(truth, hidden).items()
    }


def format_mean(values: Tensor, seed: int) -> str:
    """A mean over pictures with its interval; one picture has none."""
    return f"{float(values[0]):.4g}" if len(values) == 1 else str(bootstrap_interval(values, seed))
