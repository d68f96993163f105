"""How hidden pixels came back, in numbers that do not know who filled them: PSNR, SSIM, high
frequencies, LPIPS where its weights are.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from maskwright.evaluation.metrics import bootstrap_interval, masked_psnr, ssim
from maskwright.losses.laplacian import laplacian

Distance = Callable[[Tensor, Tensor], Tensor]
"""(pictures, truth), both (B, C, H, W) in [0, 1] -> (B,), smaller is more alike."""


@dataclass(frozen=True)
class PixelScores:
    """One number per picture (B,): PSNR of hidden pixels (dB), SSIM of the whole picture,
    high-frequency error, LPIPS or nothing.

    high_frequency: mean absolute error of the discrete Laplacian over hidden pixels in [0, 1];
        blurred fills pay for missing edges.
    """

    psnr: Tensor
    ssim: Tensor
    high_frequency: Tensor
    lpips: Tensor | None = None

    def columns(self) -> dict[str, Tensor]:
        """The numbers by name, without what was not measured."""
        found = {"psnr": self.psnr, "ssim": self.ssim, "high_frequency": self.high_frequency}
        return found if self.lpips is None else {**found, "lpips": self.lpips}

    def to_dict(self, seed: int = 0) -> dict[str, Any]:
        """Means with 95% bootstrap intervals over pictures, and every picture's own numbers."""
        means = {
            name: bootstrap_interval(values, seed).to_dict()
            for name, values in self.columns().items()
        }
        return {
            **means,
            "per_picture": {name: values.tolist() for name, values in self.columns().items()},
        }


def score_pixels(
    pictures: Tensor, truth: Tensor, is_hidden: Tensor, distance: Distance | None = None
) -> PixelScores:
    """Compare (B, C, H, W) pictures in [0, 1] with the truth where (B, 1, H, W) booleans mark
    hidden pixels.
    """
    edges = laplacian(pictures.float() - truth.float()).abs().mean(1, keepdim=True)
    weights = is_hidden.float()
    missing = (edges * weights).flatten(1).sum(1) / weights.flatten(1).sum(1)
    apart = None if distance is None else distance(pictures, truth).cpu()
    return PixelScores(
        masked_psnr(pictures, truth, is_hidden).cpu(),
        ssim(pictures, truth).cpu(),
        missing.cpu(),
        apart,
    )


def join_scores(parts: Sequence[PixelScores]) -> PixelScores:
    """Put the numbers of several batches one after the other."""
    apart = [part.lpips for part in parts if part.lpips is not None]
    decibels, similarity, edges = (
        torch.cat([getattr(part, name) for part in parts])
        for name in ("psnr", "ssim", "high_frequency")
    )
    return PixelScores(
        decibels, similarity, edges, torch.cat(apart) if len(apart) == len(parts) else None
    )
