"""Training a scorer on a frozen autoencoder: keep few patches and let it fill in the rest well."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor, nn

from maskwright.losses.selection import composite_mse, mask_entropy, sparsity
from maskwright.models.autoencoder import MaskedAutoencoder
from maskwright.models.scorer import keep_logit
from maskwright.models.selection import pick, relax, straight_through
from maskwright.patches.composite import compose, to_pixels
from maskwright.patches.pixels import PixelScale, patchify
from maskwright.schedules import Cosine
from maskwright.support.seeding import sample_rng
from maskwright.training.clock import Clock
from maskwright.training.optimizer import build_optimizer
from maskwright.training.schedule_lr import LearningRate
from maskwright.training.stepped import SteppedModule


@dataclass(frozen=True, kw_only=True)
class SelectStepSettings:
    """The numbers that a step needs, all plain.

    seed: of the noise.
    rate: the learning rate over the training.
    weight_decay, beta2: of AdamW.
    clip: largest norm of the gradient, 0 for any.
    encode: "kept", hidden patches are out of the encoder's sight, or "all", it sees everything and
        kept tokens have seen what is hidden.
    mix: "sample", a patch is kept or hidden, with the slope of its share, or "linear", it is kept
        by its share.
    sparsity, entropy: weights of these terms.
    temperature: of the relaxation, from the first step to the last.
    temperature_steps: optimizer steps until the temperature has reached its end.
    """

    seed: int
    rate: LearningRate
    weight_decay: float
    beta2: float
    clip: float
    encode: Literal["kept", "all"]
    mix: Literal["sample", "linear"]
    sparsity: float
    entropy: float
    temperature: Cosine
    temperature_steps: int

    def temperature_at(self, step: int) -> float:
        """From start to end along half a cosine, both exact, then constant."""
        return self.temperature.at(min(1.0, step / max(1, self.temperature_steps)))


class SelectModule(SteppedModule):
    """Trains a scorer; the autoencoder stays as it is. Everything it needs is passed in.

    The estimator with hard samples, straight through and biased: the composite gives each hidden
    patch the slope of its own error, and gates (in `encode="kept"`, in the encoder's attention) and
    the mix in the decoder give each kept patch the slope of its use to others. Hidden patches get
    no slope of what they would tell others: extrapolating from absent to present through all blocks
    is so far off that it made the objective worse (docs/log.md).
    """

    def __init__(
        self,
        model: MaskedAutoencoder,
        scorer: nn.Module,
        scale: PixelScale,
        settings: SelectStepSettings,
        clock: Clock,
    ) -> None:
        super().__init__(clock, settings.rate, settings.clip, {"images": 0}, {})
        self.model = model.eval().requires_grad_(False)
        self.scorer = scorer
        self.scale = scale
        self.settings = settings

    def training_step(self, batch: Any, batch_idx: int) -> Tensor:
        self.batches_done = batch_idx + 1
        images = self.scale.to_model(batch.images)
        patches = patchify(images, self.model.grid.patch_size)  # (B, N, P)
        # Which patches are kept: (B, N) shares with a gradient to the scorer.
        soft, keep = self.draw_keep(self.scorer(patches), batch.sample_ids)

        # What the frozen autoencoder makes of them, compared in the pixels that people see.
        composite = self.scale.to_display(self.fill_in(patches, keep))
        terms = {
            "composite_mse": composite_mse(composite, self.scale.to_display(images)),
            "sparsity": sparsity(keep),
            "entropy": mask_entropy(soft),
        }
        loss = (
            terms["composite_mse"]
            + self.settings.sparsity * terms["sparsity"]
            + self.settings.entropy * terms["entropy"]
        )
        self.record(len(images), loss, terms, keep)
        return loss

    def draw_keep(self, score: Tensor, sample_ids: Tensor) -> tuple[Tensor, Tensor]:
        """(B, N) shares with noise, and what is kept in this step.

        Kept are the shares themselves, or 0 and 1 with the slope of the shares.
        """
        logit = keep_logit(score).float()
        # Logistic noise makes each share a relaxed coin whose chance is the logit's sigmoid.
        rng = sample_rng(self.settings.seed, self.current_epoch, sample_ids, "select")
        noise = rng.logistic(score.shape[1])
        soft = relax(logit, noise, self.settings.temperature_at(self.global_step))
        if self.settings.mix == "linear":
            return soft, soft
        return soft, straight_through(pick((logit + noise).detach()), soft)

    def fill_in(self, patches: Tensor, keep: Tensor) -> Tensor:
        """The composite images in the model's numbers."""
        is_kept = pick(keep.detach() - 0.5)
        # Hidden patches get no slope through what they would tell others (see the class).
        seen = keep
        if self.settings.mix == "sample":
            seen = torch.where(is_kept, keep, keep.detach())

        # (B, N, P) patches and (B, N) shares -> (B, N, P) predictions
        if self.settings.encode == "kept":
            values = self.model.fill_in(patches, seen)
        else:
            values = self.model.fill_in_leaking(patches, seen)
        pixels = to_pixels(
            values,
            patches,
            torch.where(is_kept, keep, 0.0),
            self.model.grid,
            self.model.target,
        )
        return compose(pixels, patches, keep, self.model.grid)

    def record(self, rows: int, loss: Tensor, terms: dict[str, Tensor], keep: Tensor) -> None:
        """Keep this step's values for whoever writes them down, without waiting for the device."""
        self.counts["images"] += rows
        kept_share = keep.detach().mean()
        values = {name: value.detach() for name, value in terms.items()}
        self.latest = {
            "loss": loss.detach(),
            **values,
            "kept": kept_share,
            "masked": 1 - kept_share,
            "temperature": self.settings.temperature_at(self.global_step),
        }

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return build_optimizer(
            [self.scorer], weight_decay=self.settings.weight_decay, beta2=self.settings.beta2
        )
