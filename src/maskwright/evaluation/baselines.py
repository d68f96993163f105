"""What predictors without a network reach, in the space of the training loss."""

from __future__ import annotations

from dataclasses import asdict, dataclass

from torch import Tensor

from maskwright.evaluation.fill import fill_hidden
from maskwright.evaluation.reconstruction import reconstruction_loss
from maskwright.patches.grid import Grid
from maskwright.patches.mask import PatchMask, put, take
from maskwright.patches.pixels import PixelScale, patchify
from maskwright.patches.prediction import Prediction
from maskwright.patches.target import Target, measure_target


@dataclass(frozen=True)
class TrivialBaselines:
    """Mean squared errors of two predictors that learn nothing, in the target's space.

    patch_mean: every hidden patch a flat patch at its own true mean, the best any flat patch can
        do. Under a normalized target that is the zero prediction, which costs (P - 1) / P when no
        patch is flat; under a raw target it is the variance inside patches.
    bilinear: hidden pixels interpolated from the visible ones alone (`fill_hidden`).

    Both pictures are measured as the true one is: under a normalized target each patch is
    normalized by its own statistics.
    """

    patch_mean: float
    bilinear: float

    def explained(self, loss: float) -> float:
        """The share of the variance inside hidden patches that a loss leaves explained.

        1 is perfect, 0 is flat patches, below is worse.
        """
        # Pictures without any contrast have nothing to explain.
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
        patch_mean=float(reconstruction_loss(flat).mean()),
        bilinear=float(reconstruction_loss(smooth).mean()),
    )


def predict_patch_mean(
    images: Tensor, mask: PatchMask, *, patch_size: int, target: Target
) -> Prediction:
    """Predict every hidden patch flat at its own true mean over all pixels and channels.

    images: (B, C, H, W) model numbers.
    """
    patches = patchify(images.float(), patch_size)
    # (B, N, P) -> (B, M, P)
    truth = take(patches, mask.predicted_ids)
    flat = put(patches, mask.predicted_ids, truth.mean(-1, keepdim=True).expand_as(truth))
    return _predict_by(flat, images, mask, patch_size, target)


def predict_by_fill(
    images: Tensor, mask: PatchMask, *, patch_size: int, target: Target
) -> Prediction:
    """Predict hidden patches by the smooth fill through visible pixels, as a model would.

    images: (B, C, H, W) model numbers. Hidden pixels reach `Prediction.patches`, the truth, and
        never `Prediction.values`.
    """
    grid = Grid.of_image(images.shape[2], images.shape[3], patch_size)
    surface = fill_hidden(images, mask, grid)
    return _predict_by(patchify(surface, patch_size), images, mask, patch_size, target)


def _predict_by(
    guess_BNP: Tensor,
    images: Tensor,
    mask: PatchMask,
    patch_size: int,
    target: Target,
) -> Prediction:
    """A prediction whose values are those of the target in another picture."""
    grid = Grid.of_image(images.shape[2], images.shape[3], patch_size)
    values = measure_target(target, guess_BNP, grid, mask.predicted_ids)
    patches = patchify(images.float(), patch_size)
    # Nothing was encoded, so the latent has no width: (B, V, 0).
    no_latent = values.new_zeros(len(values), mask.num_visible, 0)
    return Prediction(values, mask, patches, grid, target, no_latent, num_prefix=0, num_class=0)
