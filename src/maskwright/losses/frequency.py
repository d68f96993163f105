"""The focal frequency term: errors in the Fourier spectrum, the worst frequencies counting most.

Source: Jiang et al. 2021. The transform is linear, so the spectrum of the error is transformed once
instead of two spectra being compared.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from maskwright.losses.term import Needs
from maskwright.patches.pixels import widen
from maskwright.patches.prediction import Prediction
from maskwright.support.checks import check_number, check_one_of


@dataclass(frozen=True, kw_only=True)
class FocalFrequencyError:
    """Mean squared spectral error, frequencies weighted by (error / largest error)**alpha.

    No gradient flows into the weights. The transform keeps energy, so at alpha 0 the value is the
    mean squared error of predicted pixels.

    Formula: mean((|F e| / max |F e|)^alpha * |F e|^2), F the Fourier transform
    Source: Jiang et al. 2021 (Focal Frequency Loss).

    over: `patch` transforms every predicted patch by itself, in the space of the target;
        `composite` transforms the whole picture, true pixels at visible patches, in the model's
        numbers (normalized patches put back with their own statistics), and counts per pixel of
        predicted patches. Visible pixels have no error in either.
    alpha: how much more the worst frequencies count.
    """

    over: Literal["patch", "composite"] = "patch"
    alpha: float = 1.0

    def __post_init__(self) -> None:
        check_one_of("over", self.over, ("patch", "composite"), owner="Loss 'focal_frequency'")
        check_number("alpha", self.alpha, 0, owner="Loss 'focal_frequency'")

    @property
    def needs(self) -> Needs:
        return Needs(picture=True, pixel_values=self.over == "patch")

    def __call__(self, prediction: Prediction, images: Tensor) -> Tensor:
        if self.over == "composite":
            # the mean is over all pixels, of which only this share can have an error
            share = prediction.mask.predicted_ids.shape[1] / prediction.grid.num_patches
            return _focal_mean(prediction.pixel_errors(), self.alpha) / share
        errors = widen(prediction.values) - prediction.targets()
        side = prediction.grid.patch_size
        # (B, K, P) -> (B, K, p, p, C) -> (B, K, C, p, p)
        patches = errors.unflatten(2, (side, side, -1)).movedim(4, 2)
        return _focal_mean(patches, self.alpha)


def _focal_mean(errors: Tensor, alpha: float) -> Tensor:
    """Transform the last two dimensions, weigh each frequency in its own spectrum, and average."""
    spectrum = torch.fft.fft2(errors, norm="ortho")
    power = spectrum.real.square() + spectrum.imag.square()
    return (focal_weights(power, alpha) * power).mean()


def focal_weights(power: Tensor, alpha: float) -> Tensor:
    """Weights in [0, 1] from squared magnitudes, without a gradient.

    The largest error of each spectrum counts 1.
    """
    detached = power.detach()
    largest = detached.amax((-2, -1), keepdim=True)
    largest = largest.clamp_min(torch.finfo(power.dtype).tiny)  # a spectrum of zeros stays zero
    return (detached / largest) ** (alpha / 2)  # half of alpha, because these are squares
