"""What a model makes of pictures under given masks: rows to show and numbers, in one pass."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor

from maskwright.evaluation.fill import hidden_pixels
from maskwright.evaluation.fillers import fill_trivially
from maskwright.evaluation.frozen import evaluation_mode
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

# Pictures that a model fills at once.
CHUNK = 64


@dataclass(frozen=True)
class FilledPictures:
    """What one model made of pictures, in their order.

    rows: what is shown of each.
    result: the loss and the scores of predictions, a number per picture.
    scores: the scores of composites, a number per picture.
    """

    rows: tuple[SheetRow, ...]
    result: ReconstructionResult
    scores: PixelScores


@dataclass(frozen=True)
class FilledArm:
    """One arm of a comparison: a model under the masks of a policy.

    label: the model's name in the comparison.
    place: where it lies.
    policy, ratio: how was masked.
    mask: the masks themselves.
    rows, result, scores: see `FilledPictures`.
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
        per_picture = {"loss": self.result.loss.tolist(), **scores["per_picture"]}
        about = {"label": self.label, "run": self.place, "policy": self.policy}
        # Later entries win: where both have a number, the result's is written.
        return {**about, **scores, **self.result.to_dict(seed), "per_picture": per_picture}


def fill_pictures(
    loaded: LoadedModel,
    images: Tensor,
    mask: PatchMask,
    stats: Literal["visible", "target"],
    device: torch.device,
    distance: Distance | None = None,
) -> FilledPictures:
    """Let a model fill in (n, C, H, W) uint8 pictures under the given masks."""
    model = loaded.model.to(device)
    rows: list[SheetRow] = []
    parts: list[ReconstructionResult] = []
    scores: list[PixelScores] = []
    with evaluation_mode(model, device):
        for start in range(0, len(images), CHUNK):
            some = slice(start, start + CHUNK)
            inputs = loaded.scale.to_model(images[some].to(device))
            # Also where training predicts only a part of the hidden patches: holes would stay.
            prediction = model(inputs, mask_rows(mask, some).predict_all().to(device))
            parts.append(measure_prediction(prediction, loaded.scale, stats))
            new_rows = sheet_rows(prediction, loaded.scale, stats)
            rows += new_rows
            # Scored as shown: composites of true visible pixels and predicted hidden ones.
            composite = torch.stack([row.composite for row in new_rows])
            truth = torch.stack([row.original for row in new_rows])
            hidden = torch.stack([row.is_masked for row in new_rows])
            scores.append(score_pixels(composite, truth, hidden, distance))
    return FilledPictures(tuple(rows), join_results(parts), join_scores(scores))


def score_untrained_fills(
    images: Tensor, mask: PatchMask, grid: Grid, distance: Distance | None = None
) -> dict[str, PixelScores]:
    """The numbers of fills that learn nothing, on the same pixels of (n, C, H, W) uint8 images."""
    truth = images.float() / 255
    hidden = hidden_pixels(mask, grid)
    fills = fill_trivially(truth, hidden)
    return {name: score_pixels(fill, truth, hidden, distance) for name, fill in fills.items()}


def format_mean(values: Tensor, seed: int) -> str:
    """A mean over pictures with its interval; one picture has none."""
    return f"{float(values[0]):.4g}" if len(values) == 1 else str(bootstrap_interval(values, seed))
