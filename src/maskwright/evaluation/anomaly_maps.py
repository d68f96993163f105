"""Anomalies by reconstruction: where a picture is harder to fill in than normal ones are there."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

import torch
import torch.nn.functional as F
from torch import Tensor

from maskwright.models.autoencoder import MaskedAutoencoder
from maskwright.patches.grid import Grid
from maskwright.patches.mask import PatchMask, put
from maskwright.patches.pixels import unpatchify
from maskwright.support.seeding import torch_generator

# The share of a map whose mean is the score of a picture: anomalies may be small. Chosen with the
# blur and the space of the errors on solar cells that no result is reported of (docs/log.md).
TOP_SHARE = 0.001
# Below this the deviation of a place is rounding.
_LEAST_DEVIATION = 1e-6


def complementary_masks(grid: Grid, ratio: float, rounds: int, seed: int) -> Iterator[Tensor]:
    """Masks (N,), True = hidden, whose visible parts do not overlap and together show the whole
    picture, so that every patch is hidden nearly equally often.

    They are the same for all pictures: what a mask makes hard at a place is then as hard in normal
    pictures, and calibration takes it out.

    ratio: the share that each mask hides, rounded so that the parts are equal.
    rounds: how often the picture is cut into parts anew.
    """
    # At least two, so that every patch is hidden once.
    parts = max(2, round(1 / (1 - ratio)))
    parts = min(parts, grid.num_patches)
    count = grid.num_patches // parts
    for turn in range(rounds):
        generator = torch_generator(seed, "complementary", turn)
        order = torch.randperm(grid.num_patches, generator=generator)
        for visible in order.split(count)[:parts]:
            is_masked = torch.ones(grid.num_patches, dtype=torch.bool)
            is_masked[visible] = False
            yield is_masked


def reconstruction_errors(
    model: MaskedAutoencoder, images: Tensor, masks: Iterable[Tensor]
) -> Tensor:
    """(B, H, W) squared error of every pixel: the mean over channels and the masks that hid it.

    In the space of the target, in which the model was trained: where patches are normalized, a
    faint pattern counts as much as a strong one.

    images: (B, C, H, W) in the model's numbers.
    masks: (N,) booleans each, True = hidden.
    """
    total = torch.zeros(len(images), *images.shape[2:], device=images.device)
    times = torch.zeros(model.grid.num_patches)
    for mask in masks:
        of_batch = mask.expand(len(images), -1)  # (B, N)
        here = PatchMask.from_is_masked(of_batch).to(images.device)
        prediction = model(images, here)
        away = prediction.values.float() - prediction.targets()  # (B, K, P)
        errors = away.square()
        # Visible patches have no error.
        blank = torch.zeros_like(prediction.patches, dtype=errors.dtype)
        of_patches = put(blank, here.predicted_ids, errors)  # (B, N, P)
        total += unpatchify(of_patches, model.grid).mean(1)  # (B, H, W)
        times += mask
    # (N,) -> (H, W): each pixel was hidden as often as its patch
    hidden = times.view(1, 1, model.grid.rows, model.grid.cols)
    often = F.interpolate(hidden, size=images.shape[2:], mode="nearest")[0, 0]
    return total / often.clamp_min(1).to(images.device)


def smooth(maps: Tensor, sigma: float) -> Tensor:
    """Blur (B, H, W) maps by a Gaussian of so many pixels; borders are repeated."""
    reach = max(1, round(3 * sigma))
    steps = torch.arange(-reach, reach + 1, dtype=maps.dtype, device=maps.device)
    weights = torch.exp(-steps.square() / (2 * sigma**2))
    weights = weights / weights.sum()
    padded = F.pad(maps[:, None], (reach, reach, reach, reach), mode="replicate")
    # A Gaussian is separable: along rows, then along columns.
    along_rows = F.conv2d(padded, weights.view(1, 1, 1, -1))
    blurred = F.conv2d(along_rows, weights.view(1, 1, -1, 1))  # (B, 1, H, W)
    return blurred[:, 0]


@dataclass
class PlaceStatistics:
    """Mean and deviation of the errors of normal pictures at every place, one batch after another.

    count: pictures so far.
    total, squares: (H, W) float64 sums of the errors and of their squares.
    """

    count: int = 0
    total: Tensor | float = field(default=0.0)
    squares: Tensor | float = field(default=0.0)

    def add(self, maps: Tensor) -> None:
        """Take (B, H, W) errors in."""
        values = maps.double().cpu()
        self.count += len(values)
        self.total = self.total + values.sum(0)
        self.squares = self.squares + values.square().sum(0)

    def standardize(self, maps: Tensor) -> Tensor:
        """How many deviations (B, H, W) errors lie above the mean of their place."""
        mean = torch.as_tensor(self.total) / self.count
        variance = torch.as_tensor(self.squares) / self.count - mean.square()
        # Rounding may take a variance of 0 below it.
        variance = variance.clamp_min(0)
        # Few pictures know the deviation of one place badly: the mean over places steadies it.
        steadied = (variance + variance.mean()) / 2
        deviation = steadied.sqrt().clamp_min(_LEAST_DEVIATION)
        above = maps.double().cpu() - mean
        return (above / deviation).float()


def top_mean(maps: Tensor, share: float = TOP_SHARE) -> Tensor:
    """(B,) the mean of the largest values of (B, H, W) maps, at least one."""
    flat = maps.flatten(1)
    count = max(1, round(share * flat.shape[1]))
    return flat.topk(count, dim=1).values.mean(1)
