"""What pictures are like, before any model: contrast, color, and how far structure reaches."""

from __future__ import annotations

import torch
from torch import Tensor

# Levels that JPEG puts between the channels of a gray picture.
GRAY_NOISE = 4


def contrast(images: Tensor) -> Tensor:
    """The standard deviation (B,) of each picture's pixels in levels of 0 to 255.

    images: (B, C, H, W) uint8; of the channels, the one that varies most counts.
    """
    of_channels = images.flatten(2).double().std(2, correction=0)  # (B, C)
    return of_channels.amax(1)


def is_gray(images: Tensor) -> Tensor:
    """Whether each of (B, 3, H, W) uint8 pictures has three equal channels, up to compression."""
    levels = images.short()  # uint8 would wrap around below 0
    spread = levels.amax(1) - levels.amin(1)
    return spread.flatten(1).amax(1) <= GRAY_NOISE


def reach(images: Tensor, distance: int) -> float:
    """How much of a picture is still known some pixels away: the largest correlation of pixels at
    distances from `distance` to twice that, along rows and columns.

    images: (B, C, H, W) uint8.

    Each picture's own mean is taken away, and pictures count by their variance. Near 0, a patch of
    that side says nothing about the patch beside it by brightness: what is to be seen is smaller
    than a patch. NaN where pictures are too small or without contrast.
    """
    values = images.double().mean(1)  # (B, H, W)
    values = values - values.mean((1, 2), keepdim=True)
    variance = float(values.square().mean())
    shortest = min(values.shape[1:])
    # Pairs at more than half the side are few, and the mean that was taken away bends them.
    farthest = min(2 * distance, shortest // 2)
    if variance == 0 or distance > farthest:
        return float("nan")
    found = [_correlation(values, step) for step in range(distance, farthest + 1)]
    return max(found) / variance


def _correlation(values: Tensor, step: int) -> float:
    """The mean product of pixels that lie `step` apart along either axis."""
    across = values[:, :, step:] * values[:, :, :-step]
    down = values[:, step:] * values[:, :-step]
    means = torch.stack([across.mean(), down.mean()])
    return float(means.amax())
