"""Predictions drawn for the tests of loss terms: any grid, target and type, with a gradient at the
predicted values.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from maskwright.losses.objective import build_objective
from maskwright.patches import Grid, PatchMask, Prediction, split, take, unpatchify
from maskwright.patches.pixels import patch_stats
from maskwright.support.seeding import sample_rng, torch_generator
from maskwright.targets.building import read_target

GRID = Grid(3, 4, 4)


def draw(
    target: Any = "raw",
    *,
    batch: int = 3,
    channels: int = 3,
    dtype: torch.dtype = torch.float64,
    num_predicted: int | None = None,
) -> Prediction:
    """A prediction of random values on a 3 x 4 grid of 4-pixel patches, 4 of 12 patches visible."""
    rng = torch_generator(0, "prediction")
    mask = split(
        torch.zeros(batch, 12), 4, num_predicted, rng=sample_rng(0, 0, torch.arange(batch))
    )
    patches = torch.randn(batch, 12, 16 * channels, generator=rng, dtype=dtype)
    values = torch.randn(
        batch, mask.predicted_ids.shape[1], 16 * channels, generator=rng, dtype=dtype
    )
    latent = torch.randn(batch, 5, 6, generator=rng, dtype=dtype)
    seen = torch.randn(batch, 4, 16 * channels, generator=rng, dtype=dtype)
    maps = {"foreground": torch.rand(batch, 12, generator=rng, dtype=dtype)}
    return Prediction(
        values, mask, patches, GRID, read_target(target), latent, visible_values=seen, priors=maps
    )


def true_values(prediction: Prediction) -> Tensor:
    """What a perfect model would predict, worked out without the prediction's own methods."""
    truth = take(prediction.patches, prediction.mask.predicted_ids)
    return patch_stats(truth).normalize(truth) if str(prediction.target) == "normalized" else truth


def images_of(prediction: Prediction) -> Tensor:
    return unpatchify(prediction.patches, prediction.grid)


def measure(term: str, prediction: Prediction, **parts: Any) -> Tensor:
    return build_objective(term, **parts)(prediction, images_of(prediction)).total


def half_mask(rows: int, cols: int) -> PatchMask:
    """Left half of the columns visible, right half masked."""
    ids = torch.arange(rows * cols)
    return PatchMask.from_is_masked((ids % cols >= cols // 2)[None])
