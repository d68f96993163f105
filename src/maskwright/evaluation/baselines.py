"""What predictors without a network reach, in the space of the training loss: the numbers to print
beside it.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass

import torch
from torch import Tensor

from maskwright.evaluation.fill import fill_hidden
from maskwright.evaluation.reconstruction import reconstruction_loss
from maskwright.patches.grid import Grid
from maskwright.patches.mask import PatchMask, take
from maskwright.patches.pixels import PixelScale, normalize_patches, patchify
from maskwright.patches.prediction import Prediction, Target


@dataclass(frozen=True)
class TrivialBaselines:
    """Mean squared errors of two predictors that learn nothing, on the predicted patches of one
    batch, in the target's space.

    patch_mean: every hidden patch a flat patch at its own true mean, the best any flat patch can
        do. Under a normalized target that is the zero prediction, which costs (P - 1) / P when no
        patch is flat; under a raw target it is the variance inside patches.
    bilinear: hidden pixels interpolated from the visible ones alone (`fill_hidden`); under a
        normalized target each filled patch is normalized by its own statistics.
    """

    patch_mean: float
    bilinear: float

    def explained(self, loss: float) -> float:
        """The share of the variance inside hidden patches that a loss leaves explained: 1 is
        perfect, 0 is flat patches, below is worse.
        """
        return 1 - loss / self.patch_mean if self.patch_mean else float("nan")

    def to_dict(self) -> dict[str, float]:
        return asdict(self)


def measure_baselines(
    images: Tensor, mask: PatchMask, scale: PixelScale, *, patch_size: int, target: Target
) -> TrivialBaselines:
    """Measure both on (B, C, H, W) uint8 images under a fixed mask; once per run is enough."""
    values = scale.to_model(images)
    flat = predict_patch_mean(values, mask, patch_size=patch_size, target=target)
    smooth = predict_by_fill(values, mask, patch_size=patch_size, target=target)
    return TrivialBaselines(
        float(reconstruction_loss(flat).mean()), float(reconstruction_loss(smooth).mean())
    )


def predict_patch_mean(
    images: Tensor, mask: PatchMask, *, patch_size: int, target: Target
) -> Prediction:
    """Predict every hidden patch flat at its own true mean over all pixels and channels; images are
    model numbers (B, C, H, W).
    """
    patches = patchify(images.float(), patch_size)
    truth = take(patches, mask.predicted_ids)
    values = (
        torch.zeros_like(truth)
        if target == "normalized"
        else truth.mean(-1, keepdim=True).expand_as(truth)
    )
    return _prediction(values, patches, images, mask, patch_size, target)


def predict_by_fill(
    images: Tensor, mask: PatchMask, *, patch_size: int, target: Target
) -> Prediction:
    """Predict hidden patches by the smooth fill through visible pixels; a stand-in for a model
    wherever a Prediction is wanted.

    images are model numbers (B, C, H, W). Hidden pixels reach `Prediction.patches`, the truth, and
    never `Prediction.values`.
    """
    grid = Grid.of_image(images.shape[2], images.shape[3], patch_size)
    filled = take(patchify(fill_hidden(images, mask, grid), patch_size), mask.predicted_ids)
    values = normalize_patches(filled) if target == "normalized" else filled
    return _prediction(
        values, patchify(images.float(), patch_size), images, mask, patch_size, target
    )


def _prediction(
    values: Tensor,
    patches: Tensor,
    images: Tensor,
    mask: PatchMask,
    patch_size: int,
    target: Target,
) -> Prediction:
    grid = Grid.of_image(images.shape[2], images.shape[3], patch_size)
    no_latent = values.new_zeros(len(values), mask.num_visible, 0)
    return Prediction(
        values, mask, patches, grid, target, no_latent, num_prefix=0, class_token=False
    )
