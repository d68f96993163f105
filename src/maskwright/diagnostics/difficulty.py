"""How hard a policy's masks are to see around on real pictures: the error of copying the nearest
visible patch, without any training.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from maskwright.evaluation.metrics import Interval, bootstrap
from maskwright.patches.grid import Grid
from maskwright.patches.mask import PatchMask
from maskwright.patches.pixels import patchify


@dataclass(frozen=True)
class MaskDifficulty:
    """What it costs to fill hidden patches without learning, as a share of what the picture's mean
    color costs there.

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
    """Measure (B, C, H, W) uint8 or [0, 1] images under one mask each; the interval is over
    pictures.
    """
    patches = patchify(
        images.float() / 255 if images.dtype == torch.uint8 else images.float(), grid.patch_size
    )
    errors, distances = copy_nearest(patches, masks.is_masked, grid)
    plain = (patches - patches.mean((1, 2), keepdim=True)).square().mean(-1)
    hidden = masks.is_masked
    cost, most = ((values * hidden).sum(1).double().cpu().numpy() for values in (errors, plain))
    if not most.any():
        return MaskDifficulty(Interval(*[float("nan")] * 3), {})

    def ratio(counts: np.ndarray) -> np.ndarray:
        return np.divide(
            counts @ cost, counts @ most, out=np.full(len(counts), np.nan), where=counts @ most > 0
        )

    steps = distances[hidden].unique().tolist()
    marked = {step: hidden & (distances == step) for step in steps}
    shares = {
        round(step, 4): float(errors[here].sum() / plain[here].sum().clamp_min(1e-12))
        for step, here in marked.items()
    }
    return MaskDifficulty(bootstrap(ratio, len(cost), seed), shares)


def copy_nearest(patches_BNP: Tensor, is_masked_BN: Tensor, grid: Grid) -> tuple[Tensor, Tensor]:
    """The mean squared error (B, N) of copying the nearest visible patch into each patch, and the
    distance (B, N) to it in patches.

    Where several are equally near, the error is the mean of theirs, so no direction is favored.
    Visible patches cost nothing.
    """
    squared = _squared_distances(grid).to(patches_BNP.device)
    away = squared.expand(len(patches_BNP), -1, -1).masked_fill(is_masked_BN[:, None], torch.inf)
    nearest = away.amin(-1, keepdim=True)
    is_near = (away == nearest).float()
    sizes = patches_BNP.square().mean(-1)
    products = patches_BNP @ patches_BNP.transpose(1, 2) / patches_BNP.shape[2]
    errors = (sizes[:, :, None] + sizes[:, None] - 2 * products).clamp_min(0)
    return (errors * is_near).sum(-1) / is_near.sum(-1), nearest[:, :, 0].sqrt()


def _squared_distances(grid: Grid) -> Tensor:
    ids = torch.arange(grid.num_patches)
    places = torch.stack([ids // grid.cols, ids % grid.cols], dim=1).float()
    return (places[:, None] - places[None]).square().sum(-1)
