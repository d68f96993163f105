"""What a masked autoencoder says about the hidden patches, and how it becomes a picture."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

import torch
from torch import Tensor

from maskwright.patches.grid import Grid
from maskwright.patches.mask import PatchMask, put, take
from maskwright.patches.pixels import PatchStats, normalize_patches, patch_stats, unpatchify, widen
from maskwright.support.errors import MaskwrightError

Target = Literal["raw", "normalized"]
Stats = Literal["raw", "visible", "target"]


@dataclass(frozen=True)
class Picture:
    """Reconstructed images (B, C, H, W) in the model's numbers, with the statistics that undid a
    normalized target on record.
    """

    reconstruction: Tensor
    composite: Tensor
    stats: Stats


@dataclass(frozen=True)
class Prediction:
    """Predicted patches beside everything a loss or a figure needs.

    values: (B, K, P) in the space of `target`, at `mask.predicted_ids`.
    patches: (B, N, P) the true pixels.
    target: `raw` pixels or each patch `normalized` by its own mean and deviation.
    latent: (B, prefix + V, D) encoder output, the class token first where there is one.
    visible_values: (B, V, P) the same for visible patches, when asked for.
    priors: maps (B, N) in [0, 1] by name, for losses that weigh patches.
    """

    values: Tensor
    mask: PatchMask
    patches: Tensor
    grid: Grid
    target: Target
    latent: Tensor
    num_prefix: int = 1
    class_token: bool = True
    visible_values: Tensor | None = None
    priors: Mapping[str, Tensor] = field(default_factory=dict)

    def targets(self) -> Tensor:
        """(B, K, P) float32: what `values` is compared with."""
        return self._targets_at(self.mask.predicted_ids)

    def seen_targets(self) -> Tensor:
        """(B, V, P) float32: what `visible_values` is compared with."""
        return self._targets_at(self.mask.visible_ids)

    def seen_values(self) -> Tensor:
        """(B, V, P) predictions of visible patches; raises MaskwrightError when the model was not
        asked for them.
        """
        if self.visible_values is None:
            raise MaskwrightError(
                "This loss compares visible patches too, and they were not predicted; call"
                " model(images, mask, visible=True)."
            )
        return self.visible_values

    def prior(self, name: str) -> Tensor:
        """The (B, N) map of that name; raises MaskwrightError when the data has none."""
        if name not in self.priors:
            raise MaskwrightError(
                f"This loss needs a '{name}' map for each picture; the data has"
                f" {', '.join(sorted(self.priors)) or 'none'}."
            )
        return self.priors[name]

    def embedding(self, of: Literal["mean", "class"]) -> Tensor:
        """(B, D) one vector per image: the mean of the visible patch tokens, or the class token."""
        if of == "mean":
            return self.latent[:, self.num_prefix :].mean(1)
        if not self.class_token:
            raise MaskwrightError(
                "This loss looks at the class token and the encoder has none; use the mean of the"
                " patch tokens."
            )
        return self.latent[:, 0]

    def pixel_errors(self) -> Tensor:
        """(B, C, H, W) composite minus true image in the model's numbers: zero outside predicted
        patches.

        Normalized predictions are put back with the hidden patch's own statistics: for losses,
        never for pictures that people judge.
        """
        ids, errors = self.mask.predicted_ids, widen(self.values) - self.targets()
        if self.target == "normalized":
            errors = errors * patch_stats(take(self.patches, ids)).std
        blank = torch.zeros(self.patches.shape, dtype=errors.dtype, device=errors.device)
        return unpatchify(put(blank, ids, errors), self.grid)

    def to_picture(self, stats: Literal["visible", "target"] = "visible") -> Picture:
        """Turn the prediction into images; patches that were not predicted keep their true pixels
        in both pictures' visible part.

        stats: how a normalized target is undone - `visible` interpolates mean and deviation from
            visible patches (nothing leaks), `target` uses the hidden patch's own statistics (an
            oracle; label it so). A raw target needs neither.
        """
        values, used = self._pixel_values(stats)
        composite = put(self.patches.float(), self.mask.predicted_ids, values)
        blank = torch.zeros_like(self.patches, dtype=torch.float32)
        alone = put(blank, self.mask.predicted_ids, values)
        return Picture(unpatchify(alone, self.grid), unpatchify(composite, self.grid), used)

    def _targets_at(self, ids_BK: Tensor) -> Tensor:
        truth = take(self.patches, ids_BK)
        return normalize_patches(truth) if self.target == "normalized" else widen(truth)

    def _pixel_values(self, stats: Literal["visible", "target"]) -> tuple[Tensor, Stats]:
        if self.target == "raw":
            return self.values.float(), "raw"
        known = patch_stats(self.patches)
        source = known if stats == "target" else _interpolate(known, self.mask, self.grid)
        ids = self.mask.predicted_ids
        at_ids = PatchStats(take(source.mean, ids), take(source.std, ids))
        return at_ids.restore(self.values.float()), stats


def _interpolate(known: PatchStats, mask: PatchMask, grid: Grid) -> PatchStats:
    """Guess every patch's statistics as an average over visible patches with Gaussian weights of
    one patch width.

    The softmax keeps the nearest visible patch in charge however far it is.
    """
    ids = torch.arange(grid.num_patches, device=mask.visible_ids.device)
    places = torch.stack([ids // grid.cols, ids % grid.cols], dim=1).float()
    squared = torch.cdist(
        places.expand(mask.visible_ids.shape[0], -1, -1), places[mask.visible_ids]
    ).square()
    weights = torch.softmax(-squared / 2, dim=-1)
    return PatchStats(
        weights @ take(known.mean, mask.visible_ids), weights @ take(known.std, mask.visible_ids)
    )
