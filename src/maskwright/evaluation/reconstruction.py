"""How well hidden patches come back under fixed masks: loss, PSNR and SSIM."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import torch
from torch import Tensor

from maskwright.evaluation.fill import hidden_pixels
from maskwright.evaluation.frozen import evaluation_mode
from maskwright.evaluation.metrics import bootstrap_interval
from maskwright.evaluation.pixel_scores import score_pixels
from maskwright.patches.mask import PatchMask
from maskwright.patches.pixels import PixelScale, unpatchify
from maskwright.patches.prediction import Prediction, Stats
from maskwright.support.errors import MaskwrightError

# (model numbers, mask) -> Prediction
Predict = Callable[[Tensor, PatchMask], Prediction]
# Images measured at a time: memory alone depends on it.
CHUNK = 64


@dataclass(frozen=True)
class ReconstructionResult:
    """One number per image (B,), on the CPU, and what they are about.

    loss: mean squared error over all masked patches in the space of `target`.
    psnr: of hidden pixels, in decibels.
    ssim: of the composite.
    high_frequency: see `PixelScores`.
    target: what the model was trained to predict.
    stats: how pictures were denormalized before PSNR and SSIM, `raw`, `visible` (nothing leaks) or
        `target` (an oracle: not comparable with the others).
    ratio: share of patches masked.
    """

    loss: Tensor = field(repr=False)
    psnr: Tensor = field(repr=False)
    ssim: Tensor = field(repr=False)
    high_frequency: Tensor = field(repr=False)
    target: str
    stats: Stats
    ratio: float

    @property
    def mean_loss(self) -> float:
        return float(self.loss.mean())

    def captions(self) -> list[str]:
        """One line per image for a sheet of pictures."""
        triples = zip(self.psnr.tolist(), self.ssim.tolist(), self.loss.tolist(), strict=True)
        return [
            f"PSNR {psnr:.1f} dB on hidden pixels,  SSIM {ssim:.2f},  loss {loss:.3g}"
            for psnr, ssim, loss in triples
        ]

    def to_dict(self, seed: int = 0) -> dict[str, Any]:
        """Means with 95% bootstrap intervals over images, and what they mean, ready for JSON."""
        measured = {
            "loss": self.loss,
            "psnr": self.psnr,
            "ssim": self.ssim,
            "high_frequency": self.high_frequency,
        }
        intervals = {
            name: bootstrap_interval(values, seed).to_dict() for name, values in measured.items()
        }
        facts = {
            "num_images": len(self.loss),
            "target": self.target,
            "stats": self.stats,
            "ratio": self.ratio,
        }
        return {
            **intervals,
            **facts,
            "psnr_over": "hidden pixels",
            "ssim_of": "composite",
            "interval": "95% bootstrap over images",
        }


def reconstruction_loss(prediction: Prediction) -> Tensor:
    """Mean squared error of each image over its predicted patches, in the space of the target.

    Returns (B,) float32.
    """
    # (B, M, P) -> (B,)
    return (prediction.values.float() - prediction.targets()).square().flatten(1).mean(1)


def measure_reconstruction(
    predict: Predict,
    images: Tensor,
    mask: PatchMask,
    scale: PixelScale,
    *,
    device: torch.device | None = None,
    stats: Literal["visible", "target"] = "visible",
) -> ReconstructionResult:
    """Predict every masked patch of (B, C, H, W) uint8 images and compare with the truth.

    predict: (model numbers, mask) -> Prediction, a module or bound method of one, whose training
        mode is restored.
    mask: one per image.
    scale: from uint8 pixels to model numbers.
    device: where `predict` computes; by default where the images are.
    stats: how normalized predictions become pictures.

    Raises MaskwrightError when images and masks differ in number.
    """
    if len(images) != len(mask.visible_ids) or not len(images):
        raise MaskwrightError(
            f"Each image needs its own mask; got {len(images)} images and {len(mask.visible_ids)}"
            " masks."
        )
    predictions = predict_masked(predict, images, mask, scale, device)
    return join_results([measure_prediction(each, scale, stats) for each in predictions])


def predict_masked(
    predict: Predict,
    images: Tensor,
    mask: PatchMask,
    scale: PixelScale,
    device: torch.device | None = None,
) -> Iterator[Prediction]:
    """Predict every masked patch of (B, C, H, W) uint8 images, some pictures at a time."""
    device = device or images.device
    with evaluation_mode(predict, device):
        for start in range(0, len(images), CHUNK):
            rows = slice(start, start + CHUNK)
            values = scale.to_model(images[rows].to(device))
            # Training may predict some patches alone; measuring asks for all that are hidden.
            masks = mask_rows(mask, rows).predict_all().to(device)
            yield predict(values, masks)


@dataclass(frozen=True, eq=False)
class FilledPictures:
    """Pictures with their hidden patches filled in, beside the true ones.

    composite, truth: (B, C, H, W) in [0, 1], where decibels and similarity are defined.
    stats: how they were denormalized, see `ReconstructionResult`.
    """

    composite: Tensor
    truth: Tensor
    stats: Stats

    @classmethod
    def of(
        cls,
        prediction: Prediction,
        scale: PixelScale,
        stats: Literal["visible", "target"] = "visible",
    ) -> FilledPictures:
        """What one batch of predictions looks like."""
        picture = prediction.to_picture(stats)
        truth = unpatchify(prediction.patches.float(), prediction.grid)
        return cls(scale.to_display(picture.composite), scale.to_display(truth), picture.stats)


def join_results(parts: Sequence[ReconstructionResult]) -> ReconstructionResult:
    """Put the results of several batches of the same kind one after the other."""
    # All parts are of one model under one ratio.
    first = parts[0]
    return ReconstructionResult(
        loss=torch.cat([part.loss for part in parts]),
        psnr=torch.cat([part.psnr for part in parts]),
        ssim=torch.cat([part.ssim for part in parts]),
        high_frequency=torch.cat([part.high_frequency for part in parts]),
        target=first.target,
        stats=first.stats,
        ratio=first.ratio,
    )


def measure_prediction(
    prediction: Prediction, scale: PixelScale, stats: Literal["visible", "target"]
) -> ReconstructionResult:
    """Compare the predicted patches of one batch with the truth."""
    filled = FilledPictures.of(prediction, scale, stats)
    hidden = hidden_pixels(prediction.mask, prediction.grid)
    scores = score_pixels(filled.composite, filled.truth, hidden)
    return ReconstructionResult(
        loss=reconstruction_loss(prediction).cpu(),
        psnr=scores.psnr,
        ssim=scores.ssim,
        high_frequency=scores.high_frequency,
        target=str(prediction.target),
        stats=filled.stats,
        ratio=prediction.mask.num_masked / prediction.mask.num_patches,
    )


def mask_rows(mask: PatchMask, rows: slice) -> PatchMask:
    """The masks of some of the images."""
    return PatchMask(mask.visible_ids[rows], mask.masked_ids[rows], mask.predicted_ids[rows])
