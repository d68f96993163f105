"""How hard masks are to see around on real pictures: the error of copying the nearest patch."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from maskwright.evaluation.division import divide_or_nan
from maskwright.evaluation.metrics import NO_INTERVAL, Interval, bootstrap
from maskwright.patches.grid import Grid
from maskwright.patches.mask import PatchMask
from maskwright.patches.pixels import patchify


@dataclass(frozen=True)
class MaskDifficulty:
    """What copying costs, as a share of what the picture's mean color costs in hidden patches.

    copy_error: squared error of copying the nearest visible patch, summed over pictures, over that
        of the mean color of each whole picture: 0 is perfect, 1 as bad as the mean color, patches
        that have nothing in common cost 2, and NaN where all pictures are flat, as every fill is
        right there.
    by_distance: the same by the distance to that patch, in patches.
    """

    copy_error: Interval
    by_distance: dict[float, float]

    def __iter__(self) -> Iterator[tuple[str, float]]:
        """Yield (name, value) like every diagnostic."""
        yield "copy_error", self.copy_error.value


def measure_difficulty(
    images: Tensor, masks: PatchMask, grid: Grid, seed: int = 0
) -> MaskDifficulty:
    """Measure (B, C, H, W) uint8 or [0, 1] images under one mask each.

    The interval is over pictures.
    """
    values = images.float() / 255 if images.dtype == torch.uint8 else images.float()
    patches = patchify(values, grid.patch_size)
    hidden = masks.is_masked
    # (B, N) errors of each patch: by a copy of the nearest, and by the picture's mean color
    errors, distances = copy_nearest(patches, hidden, grid)
    mean_color = patches.mean((1, 2), keepdim=True)
    plain = (patches - mean_color).square().mean(-1)
    copied = _sum_hidden(errors, hidden)
    flat = _sum_hidden(plain, hidden)
    # Pictures without any contrast are filled rightly by everything.
    if not flat.any():
        return MaskDifficulty(NO_INTERVAL, {})

    def ratio(counts: np.ndarray) -> np.ndarray:
        # (R, n) counts of draws -> (R,): sums over pictures first, then one division
        return divide_or_nan(counts @ copied, counts @ flat)

    shares = {}
    for distance in distances[hidden].unique().tolist():
        here = hidden & (distances == distance)
        # Flat patches cost nothing either way, and 0 / 0 would be no number.
        most = plain[here].sum().clamp_min(1e-12)
        cost = errors[here].sum() / most
        shares[round(distance, 4)] = float(cost)
    return MaskDifficulty(bootstrap(ratio, len(copied), seed), shares)


def _sum_hidden(values: Tensor, is_hidden: Tensor) -> np.ndarray:
    """The sum (B,) of (B, N) values over hidden patches."""
    sums = (values * is_hidden).sum(1)
    return sums.double().cpu().numpy()


def copy_nearest(patches_BNP: Tensor, is_masked_BN: Tensor, grid: Grid) -> tuple[Tensor, Tensor]:
    """The error (B, N) of copying the nearest visible patch into each, and the distance to it.

    Where several are equally near, the error is the mean of theirs, so no direction is favored.
    Visible patches cost nothing.
    """
    # (N, N) -> (B, N, N): from each patch to every visible one
    squared = _squared_distances(grid).to(patches_BNP.device)
    away = squared.expand(len(patches_BNP), -1, -1)
    away = away.masked_fill(is_masked_BN[:, None], torch.inf)
    # Where several patches are equally near, all of them count.
    nearest = away.amin(-1, keepdim=True)
    is_near = (away == nearest).float()
    # |a - b|^2 = |a|^2 + |b|^2 - 2 a.b for all pairs at once, without (B, N, N, P) in memory
    sizes = patches_BNP.square().mean(-1)
    products = patches_BNP @ patches_BNP.transpose(1, 2) / patches_BNP.shape[2]
    errors = sizes[:, :, None] + sizes[:, None] - 2 * products
    # Rounding can push the difference of large numbers below 0.
    errors = errors.clamp_min(0)
    total = (errors * is_near).sum(-1)
    copied = total / is_near.sum(-1)
    return copied, nearest[:, :, 0].sqrt()


def _squared_distances(grid: Grid) -> Tensor:
    ids = torch.arange(grid.num_patches)
    rows = ids // grid.cols
    cols = ids % grid.cols
    # (N, 2) rows and columns -> (N, N) squared distances
    positions = torch.stack([rows, cols], dim=1).float()
    steps = positions[:, None] - positions[None]
    return steps.square().sum(-1)
