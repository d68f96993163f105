"""How hidden pixels came back, in numbers that do not know who filled them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
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
    """One number per picture (B,), on the CPU.

    psnr: of hidden pixels, in decibels.
    ssim: of the whole picture.
    high_frequency: mean absolute error of the discrete Laplacian over hidden pixels in [0, 1];
        blurred fills pay for missing edges.
    lpips: of the whole picture; None where it was not measured.
    """

    psnr: Tensor
    ssim: Tensor
    high_frequency: Tensor
    lpips: Tensor | None = None

    def columns(self) -> dict[str, Tensor]:
        """The numbers by name, without what was not measured."""
        columns = {"psnr": self.psnr, "ssim": self.ssim, "high_frequency": self.high_frequency}
        if self.lpips is not None:
            columns["lpips"] = self.lpips
        return columns

    def to_dict(self, seed: int = 0) -> dict[str, Any]:
        """Means with 95% bootstrap intervals over pictures, and every picture's own numbers."""
        numbers: dict[str, Any] = {}
        per_picture = {}
        for name, values in self.columns().items():
            numbers[name] = bootstrap_interval(values, seed).to_dict()
            per_picture[name] = values.tolist()
        return {**numbers, "per_picture": per_picture}


def score_pixels(
    pictures: Tensor, truth: Tensor, is_hidden: Tensor, distance: Distance | None = None
) -> PixelScores:
    """Compare (B, C, H, W) pictures in [0, 1] with the truth.

    is_hidden: (B, 1, H, W) booleans, True = hidden.
    distance: LPIPS, or None to leave it out.
    """
    # The Laplacian is linear: that of the difference is the difference of edges.
    edges = laplacian(pictures.float() - truth.float()).abs().mean(1, keepdim=True)
    weights = is_hidden.float()
    # (B, 1, H, W) -> (B,): the mean over hidden pixels alone
    total = (edges * weights).flatten(1).sum(1)
    missing = total / weights.flatten(1).sum(1)
    lpips = None if distance is None else distance(pictures, truth).cpu()
    return PixelScores(
        psnr=masked_psnr(pictures, truth, is_hidden).cpu(),
        ssim=ssim(pictures, truth).cpu(),
        high_frequency=missing.cpu(),
        lpips=lpips,
    )


def join_scores(parts: Sequence[PixelScores]) -> PixelScores:
    """Put the numbers of several batches one after the other."""
    lpips = [part.lpips for part in parts if part.lpips is not None]
    return PixelScores(
        psnr=torch.cat([part.psnr for part in parts]),
        ssim=torch.cat([part.ssim for part in parts]),
        high_frequency=torch.cat([part.high_frequency for part in parts]),
        # LPIPS of a part of the pictures alone would be a mean of others.
        lpips=torch.cat(lpips) if len(lpips) == len(parts) else None,
    )


def join_named(pictures: Sequence[Mapping[str, PixelScores]]) -> dict[str, PixelScores]:
    """One result for each way of filling, with a number per picture.

    pictures: for each, the same ways and their results.
    """
    joined = {}
    for name in pictures[0]:
        joined[name] = join_scores([by_name[name] for by_name in pictures])
    return joined
