"""Every patch predicted: masks are drawn until each was hidden twice, and predictions averaged."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from maskwright.evaluation.fill import hidden_pixels
from maskwright.patches import PatchMask
from maskwright.weights.checkpoint import LoadedModel
from maskwright.workflows.filling.arms import MaskChoice
from maskwright.workflows.filling.filled import fill_pictures
from maskwright.workflows.filling.mask_for import MaskedPictures, mask_for
from maskwright.workflows.filling.outcome import ReconstructOptions
from maskwright.workflows.loading.chosen_pictures import ChosenPictures

# A standard deviation needs two predictions.
TWICE = 2
# After so many draws, patches that the policy never hides are hidden by force.
MOST_DRAWS = 32


@dataclass(frozen=True)
class FullFill:
    """What was predicted under all masks together.

    average: (n, C, H, W) in [0, 1].
    deviation: (n, H, W) standard deviation of the predictions.
    passes: how many masks each picture had.
    forced: patches that were hidden by force, because the policy spared them.
    """

    average: Tensor
    deviation: Tensor
    passes: int
    forced: int

    def __str__(self) -> str:
        spared = ""
        if self.forced:
            spared = f"; {self.forced} patches that the policy spared were hidden by force"
        return (
            f"{self.passes} passes: masks were drawn until each patch was hidden at least {TWICE}"
            f" times{spared}"
        )


def fill_all(
    loaded: LoadedModel,
    run: str,
    choice: MaskChoice,
    chosen: ChosenPictures,
    options: ReconstructOptions,
) -> FullFill:
    """Predict every patch at least twice and average what was predicted while it was hidden."""
    # Sums over the passes, per pixel: values, squares, and how often it was hidden.
    total = torch.zeros(chosen.images.shape, dtype=torch.float64)
    squared, times = torch.zeros_like(total), torch.zeros_like(total[:, :1])
    passes, forced = 0, 0
    for mask, count in _draws(loaded, run, choice, chosen, options.seed):
        filled = fill_pictures(loaded, chosen.images, mask, options.stats, options.device)
        composite = torch.stack([row.composite.cpu() for row in filled.rows]).double()
        hidden = hidden_pixels(mask, loaded.model.grid).double()
        total += composite * hidden
        squared += composite.square() * hidden
        times += hidden
        passes += 1
        forced += count
    mean = total / times
    # The unbiased variance; differences of rounding may be below 0.
    variance = (squared / times - mean.square()).clamp_min(0) * times / (times - 1).clamp_min(1)
    # (n, C, H, W) -> (n, H, W)
    deviation = variance.mean(1).sqrt()
    return FullFill(mean.float(), deviation.float(), passes, forced)


def _draws(
    loaded: LoadedModel, run: str, choice: MaskChoice, chosen: ChosenPictures, seed: int
) -> Iterator[tuple[PatchMask, int]]:
    """Masks by the policy until each patch was hidden twice, each with its count of forced patches.

    What the policy does not hide twice in 32 draws is hidden by force.
    """
    times = torch.zeros(len(chosen.images), loaded.model.grid.num_patches, dtype=torch.int64)
    pictures = MaskedPictures(chosen.images, chosen.priors, chosen.names)
    draw = 0
    while int(times.min()) < TWICE:
        mask = mask_for(loaded, run, choice, pictures, seed + draw)
        forced = 0
        if draw >= MOST_DRAWS:
            mask, forced = _hide_rarest(times, mask)
        times += mask.is_masked.long()
        draw += 1
        yield mask, forced


def _hide_rarest(times: Tensor, mask: PatchMask) -> tuple[PatchMask, int]:
    """A mask of the same count that hides first what was hidden least, and how many were due."""
    # Doubled, so that among equals those that the given mask hides come first.
    order = (times * 2 - mask.is_masked.long()).argsort(dim=1, stable=True)
    hidden = torch.zeros_like(mask.is_masked).scatter_(1, order[:, : mask.num_masked], True)
    return PatchMask.from_is_masked(hidden), int((hidden & (times < TWICE)).sum())
