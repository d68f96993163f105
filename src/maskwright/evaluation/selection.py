"""How well pictures come back from the patches that were kept, whatever their number."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from maskwright.evaluation.frozen import evaluation_mode
from maskwright.evaluation.metrics import Interval, bootstrap_interval, psnr_of_mse
from maskwright.models.autoencoder import MaskedAutoencoder
from maskwright.models.scorer import keep_logit
from maskwright.models.selection import pick
from maskwright.patches.composite import compose, to_pixels
from maskwright.patches.pixels import PixelScale, patchify

# (patches (B, N, P), kept (B, N)) -> all patches (B, N, P)
FillIn = Callable[[Tensor, Tensor], Tensor]
# Pictures filled in at a time: memory alone depends on it.
CHUNK = 64
# At which the spread of counts over images is described.
QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)


@dataclass(frozen=True)
class Filled:
    """What one way of choosing gave, one row per image, on the CPU.

    is_kept: (n, N) booleans.
    mse: (n,) mean squared error of the composite over all pixels, in [0, 1] each.
    composite: (n, C, H, W).
    """

    is_kept: Tensor = field(repr=False)
    mse: Tensor = field(repr=False)
    composite: Tensor = field(repr=False)

    @property
    def psnr(self) -> Tensor:
        """(n,) decibels of the composite over all pixels, kept ones included."""
        return psnr_of_mse(self.mse)

    def to_dict(self, seed: int = 0) -> dict[str, Any]:
        """Means with 95% bootstrap intervals over images, ready for JSON."""
        measured = {"composite_mse": self.mse, "composite_psnr": self.psnr}
        intervals = {
            name: bootstrap_interval(values, seed).to_dict() for name, values in measured.items()
        }
        return {"kept_share": float(self.is_kept.double().mean()), **intervals}


def choose_kept(
    scorer: nn.Module,
    images: Tensor,
    scale: PixelScale,
    patch_size: int,
    device: torch.device,
    chunk: int = 128,
) -> Tensor:
    """Logits (n, N) of keeping each patch of (n, C, H, W) uint8 images, without noise.

    `pick` turns them into a mask.
    """
    parts = []
    with evaluation_mode(scorer, device):
        for batch in images.split(chunk):
            patches = patchify(scale.to_model(batch.to(device)), patch_size)
            parts.append(scorer(patches))
        return keep_logit(torch.cat(parts)).float().cpu()


def measure_filled(
    fill_in: FillIn,
    model: MaskedAutoencoder,
    images: Tensor,
    is_kept: Tensor,
    scale: PixelScale,
    device: torch.device,
) -> Filled:
    """Fill in what is hidden of (n, C, H, W) uint8 images and compare with the truth.

    fill_in: `model.fill_in`, which is blind to hidden patches, or `model.fill_in_leaking`.
    """
    errors, composites = [], []
    with evaluation_mode(model, device):
        for batch, kept_rows in zip(images.split(CHUNK), is_kept.split(CHUNK), strict=True):
            values = scale.to_model(batch.to(device))
            kept = kept_rows.to(device)
            patches = patchify(values, model.grid.patch_size)
            predicted = fill_in(patches, kept.float())
            pixels = to_pixels(predicted, patches, kept, model.grid, model.target)
            # Kept patches stay as they were, so the error is that of hidden ones alone.
            composite = scale.to_display(compose(pixels, patches, kept, model.grid))
            difference = composite - scale.to_display(values)
            # (B, C, H, W) -> (B,)
            errors.append(difference.square().flatten(1).mean(1).cpu())
            composites.append(composite.cpu())
    return Filled(is_kept.cpu(), torch.cat(errors), torch.cat(composites))


def measure_scorer(
    model: MaskedAutoencoder,
    scorer: nn.Module,
    images: Tensor,
    scale: PixelScale,
    device: torch.device,
) -> dict[str, float]:
    """Share kept and composite error of a scorer's own masks, without noise."""
    is_kept = pick(choose_kept(scorer, images, scale, model.grid.patch_size, device))
    # Blind to what is hidden: the leaking fill of training would flatter the scorer.
    filled = measure_filled(model.fill_in, model, images, is_kept, scale, device)
    return {
        "kept_test": float(is_kept.float().mean()),
        "composite_mse_test": float(filled.mse.mean()),
    }


def describe_counts(is_kept: Tensor) -> dict[str, Any]:
    """How many patches are kept: the mean, and how it spreads over images."""
    # (n, N) -> (n,): patches kept of each image
    counts = is_kept.sum(1).double()
    spread = torch.quantile(counts, torch.tensor(QUANTILES, dtype=torch.float64)).tolist()
    return {
        "num_patches": is_kept.shape[1],
        "mean_share": float(counts.mean() / is_kept.shape[1]),
        "mean": float(counts.mean()),
        "sd": float(counts.std(correction=0)),
        "min": int(counts.min()),
        "max": int(counts.max()),
        "quantiles": {f"{share:g}": value for share, value in zip(QUANTILES, spread, strict=True)},
        "different_masks": len(is_kept.unique(dim=0)),
    }


def paired_difference(first: Filled, second: Filled, seed: int = 0) -> dict[str, Interval]:
    """Mean difference first - second over the same images: error (negative is better), decibels."""
    return {
        "composite_mse": bootstrap_interval(first.mse - second.mse, seed),
        "composite_psnr": bootstrap_interval(first.psnr - second.psnr, seed),
    }
