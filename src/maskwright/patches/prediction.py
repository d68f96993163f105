"""What a masked autoencoder predicts for the hidden patches, and how that becomes a picture.

Letters of shapes are listed in `maskwright.patches`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal

import torch
from torch import Tensor

from maskwright.patches.fitted_stats import fit_stats
from maskwright.patches.grid import Grid
from maskwright.patches.hidden_stats import interpolate_stats
from maskwright.patches.mask import PatchMask, mark, put, take
from maskwright.patches.pixels import PatchStats, patch_stats, unpatchify, widen
from maskwright.patches.target import Target, measure_target, pixel_target
from maskwright.support.errors import MaskwrightError

Stats = Literal["raw", "visible", "target"]


@dataclass(frozen=True)
class Picture:
    """Reconstructed images (B, C, H, W) in the model's numbers.

    reconstruction: the predicted patches alone, zero elsewhere.
    composite: the predicted patches among the true visible ones.
    stats: the statistics that undid a normalized target; "raw" where nothing had to be undone.
    """

    reconstruction: Tensor
    composite: Tensor
    stats: Stats


@dataclass(frozen=True)
class Prediction:
    """Predicted patches beside everything a loss or a figure needs.

    values: (B, K, T) in the space of `target`, at `mask.predicted_ids`.
    mask: which patches were visible, masked and predicted.
    patches: (B, N, P) the true pixels.
    grid: how the patches are arranged.
    target: what is predicted of each patch, such as its `raw` pixels.
    latent: (B, num_prefix + V, D) encoder output, the class token first where there is one.
    num_prefix: class and register tokens before those of patches.
    num_class: how many of them are class tokens, the first ones.
    visible_values: (B, V, T) predictions of visible patches, where they were computed.
    priors: maps (B, N) in [0, 1] by name, for losses that weigh patches.
    truth: (B, N, T) values of the target, where a network computed them.
    gather: from rows (B, ...) to those of the whole batch, whichever process has them; gradients
        go back through it. In training alone: one process measures held-out pictures, and others
        would be waited for in vain. None: the rows here are all.
    """

    values: Tensor
    mask: PatchMask
    patches: Tensor
    grid: Grid
    target: Target
    latent: Tensor
    num_prefix: int = 1
    num_class: int = 1
    visible_values: Tensor | None = None
    priors: Mapping[str, Tensor] = field(default_factory=dict)
    truth: Tensor | None = None
    # No function by default: torch.compile cannot hand one out of a compiled model.
    gather: Callable[[Tensor], Tensor] | None = None

    def join(self, rows: Tensor) -> Tensor:
        """The rows (B, ...) of the whole batch, for losses that compare its pictures."""
        return rows if self.gather is None else self.gather(rows)

    def targets(self) -> Tensor:
        """(B, K, T) float32: what `values` is compared with."""
        return self._predicted_targets

    def seen_targets(self) -> Tensor:
        """(B, V, T) float32: what `visible_values` is compared with."""
        return self._targets_at(self.mask.visible_ids)

    def seen_values(self) -> Tensor:
        """(B, V, T) predictions of visible patches.

        Raises MaskwrightError where the model did not compute them.
        """
        # computing them costs decoder time, so a model does it only for losses that need them
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
        """(B, D) one vector per image: the mean of the visible patch tokens, or the mean of
        the class tokens, which is most often one.
        """
        if of == "mean":
            return self.latent[:, self.num_prefix :].mean(1)  # (B, V, D) -> (B, D)
        if not self.num_class:
            raise MaskwrightError(
                "This loss looks at the class token and the encoder has none; use the mean of the"
                " patch tokens."
            )
        return self.latent[:, : self.num_class].mean(1)  # (B, D)

    def pixel_errors(self) -> Tensor:
        """(B, C, H, W) composite minus true image in the model's numbers.

        It is zero outside predicted patches. Both are what the target keeps of a picture.
        Normalized predictions are put back with the hidden patch's own statistics: for losses,
        never for pictures that people judge.

        Raises MaskwrightError for a target that leads back to no picture.
        """
        ids = self.mask.predicted_ids
        errors = widen(self.values) - self.targets()  # (B, K, T)
        stats = None
        if self.target.traits.needs_stats:
            stats = patch_stats(take(self.patches, ids))
        pixels = pixel_target(self.target).error_to_pixels(errors, stats)  # (B, K, P)
        blank = torch.zeros(self.patches.shape, dtype=pixels.dtype, device=pixels.device)
        return unpatchify(put(blank, ids, pixels), self.grid)

    def to_picture(self, stats: Literal["visible", "target"] = "visible") -> Picture:
        """Turn the prediction into images; the composite has true pixels where none were predicted.

        stats: how a normalized target is undone. `visible` finds the mean and deviation with which
            a patch fits what is visible and predicted around it (`fit_stats`), so nothing leaks.
            `target` uses the hidden patch's own statistics, which no model knows: say so wherever
            such a picture is shown. Other targets need neither.

        Raises MaskwrightError for a target that leads back to no picture.
        """
        ids = self.mask.predicted_ids
        values, used = self._pixel_values(stats)
        composite = put(self.patches.float(), ids, values)  # (B, N, P)
        blank = torch.zeros_like(self.patches, dtype=torch.float32)
        alone = put(blank, ids, values)
        return Picture(
            reconstruction=unpatchify(alone, self.grid),
            composite=unpatchify(composite, self.grid),
            stats=used,
        )

    @cached_property
    def _predicted_targets(self) -> Tensor:
        # kept, because several terms and a policy that learns may ask for them
        return self._targets_at(self.mask.predicted_ids)

    def _targets_at(self, ids_BK: Tensor) -> Tensor:
        if self.truth is not None:
            return take(self.truth, ids_BK)
        return measure_target(self.target, self.patches, self.grid, ids_BK)

    def _pixel_values(self, stats: Literal["visible", "target"]) -> tuple[Tensor, Stats]:
        """(B, K, P) predicted patches in pixels, and which statistics undid the normalization."""
        target = pixel_target(self.target)
        values = self.values.float()
        if not self.target.traits.needs_stats:
            return target.to_pixels(values, None), "raw"
        everywhere = patch_stats(self.patches) if stats == "target" else self._fitted_stats()
        # (B, N, 1) -> (B, K, 1)
        predicted_ids = self.mask.predicted_ids
        at_ids = PatchStats(
            mean=take(everywhere.mean, predicted_ids),
            std=take(everywhere.std, predicted_ids),
        )
        return target.to_pixels(values, at_ids), stats

    # A loss may look at pictures: what it teaches goes through the values, not through their fit.
    @torch.no_grad()
    def _fitted_stats(self) -> PatchStats:
        """(B, N, 1) statistics with which predicted patches fit their neighbors."""
        # Only what is visible may speak: anything else would leak the answer.
        ids, predicted_ids = self.mask.visible_ids, self.mask.predicted_ids
        visible = widen(take(self.patches, ids))  # (B, V, P)
        known = patch_stats(visible)
        around = interpolate_stats(known, ids, self.grid)
        guess = PatchStats(put(around.mean, ids, known.mean), put(around.std, ids, known.std))

        normalized = torch.zeros_like(self.patches, dtype=visible.dtype)  # (B, N, P)
        normalized = put(normalized, ids, known.normalize(visible))
        normalized = put(normalized, predicted_ids, self.values)
        is_predicted = mark(predicted_ids, self.mask.num_patches)
        # Hidden patches that were not predicted say nothing.
        is_seen = is_predicted | ~self.mask.is_masked
        return fit_stats(normalized, guess, is_predicted, is_seen, self.grid)
