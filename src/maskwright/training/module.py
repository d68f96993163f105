"""The training step of a masked autoencoder: score, split, predict, compare, record."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import torch
from lightning import LightningModule
from torch import Tensor

from maskwright.losses.objective import Objective, ObjectiveValue
from maskwright.models.autoencoder import MaskedAutoencoder
from maskwright.patches import PatchMask, PixelScale, Prediction
from maskwright.support.errors import MaskwrightError
from maskwright.training.clock import Clock
from maskwright.training.masker import Masker, Shown
from maskwright.training.optimizer import build_optimizer
from maskwright.training.schedule_lr import LearningRate


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """The numbers that a training step needs, all plain."""

    seed: int
    rate: LearningRate
    weight_decay: float
    beta2: float
    clip: float
    masks_per_image: int


class PretrainModule(LightningModule):
    """Trains a MaskedAutoencoder under the masks of a Masker; everything it needs is passed in."""

    def __init__(
        self,
        model: MaskedAutoencoder,
        masker: Masker,
        objective: Objective,
        scale: PixelScale,
        recipe: Recipe,
        clock: Clock,
        described: dict[str, Any],
    ) -> None:
        """described: plain values stored in every checkpoint so that it can be opened without its run."""
        super().__init__()
        self.model, self.masker, self.objective = model, masker, objective
        self.scale, self.recipe, self.clock, self.described = scale, recipe, clock, described
        self.latest: dict[str, Tensor | float] = {}
        self.counts = {"images": 0, "encoder_tokens": 0, "decoder_tokens": 0, "skipped_steps": 0, **masker.spent}
        self.bad_in_a_row = 0
        self.batches_done = 0

    def training_step(self, batch: Any, batch_idx: int) -> Tensor:
        progress = self.clock.progress(self.global_step)
        self.batches_done = batch_idx + 1
        shown = self.show(batch)
        self.masker.follow(self.model.encoder, self.global_step)
        scene = self.masker.scene(shown, epoch=self.current_epoch, step=self.global_step, progress=progress)
        mask = self.masker.draw(scene)
        prediction = self.model(shown.images, mask, self.masker.weights(scene, mask), visible=self.objective.needs.visible)
        value = self.objective(replace(prediction, priors=shown.priors), shown.images, progress)
        policy_loss = self.masker.learn(scene, mask, patch_errors(prediction), self.join_rows) if self.masker.learners else None
        self.record(mask, value)
        if policy_loss is None:
            return value.total
        self.latest["loss_policy"] = policy_loss.detach()
        return value.total + policy_loss

    def show(self, batch: Any) -> Shown:
        """Images in the model's numbers with all that belongs to them, repeated under new ids when a picture gets several masks."""
        images, ids, repeats = self.scale.to_model(batch.images), batch.sample_ids, self.recipe.masks_per_image
        if repeats == 1:
            return Shown(images=images, sample_ids=ids, mask_ids=None, priors=batch.priors, views=batch.views)
        mask_ids = torch.arange(repeats, device=ids.device).repeat_interleave(len(ids))
        return Shown(
            images=images.repeat(repeats, 1, 1, 1),
            sample_ids=ids.repeat(repeats) + (mask_ids << 40),
            mask_ids=mask_ids,
            priors={name: share.repeat(repeats, 1) for name, share in batch.priors.items()},
            views=batch.views.repeat(repeats, 1),
        )

    def join_rows(self, rows: Tensor) -> Tensor:
        """The rows of all processes, one after another."""
        return rows if self.trainer.world_size == 1 else self.all_gather(rows).flatten(0, 1)  # type: ignore[union-attr]

    def record(self, mask: PatchMask, value: ObjectiveValue) -> None:
        """Keep this step's values for whoever writes them down, without waiting for the device."""
        rows = mask.visible_ids.shape[0]
        self.counts["images"] += rows
        self.counts["encoder_tokens"] += rows * (mask.num_visible + self.model.config.num_prefix)
        self.counts["decoder_tokens"] += rows * (mask.predicted_ids.shape[1] + mask.num_visible * self.objective.needs.visible)
        self.counts |= self.masker.spent
        self.latest = {**value.columns("loss"), "num_visible": mask.num_visible, "masked": mask.num_masked / mask.num_patches}
        self.latest |= {f"weight_{name}": weight for name, weight in value.weights.items()}

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return build_optimizer([self.model, self.masker.learners], weight_decay=self.recipe.weight_decay, beta2=self.recipe.beta2)

    def on_train_batch_start(self, batch: Any, batch_idx: int) -> None:
        rate = self.recipe.rate.at(self.clock.rate_progress(self.global_step))
        for group in self.trainer.optimizers[0].param_groups:
            group["lr"] = rate

    def configure_gradient_clipping(
        self, optimizer: torch.optim.Optimizer, gradient_clip_val: float | None = None, gradient_clip_algorithm: str | None = None
    ) -> None:
        """Clip the gradient's norm; when it is not finite drop the step, and stop after three in a row."""
        parameters = [parameter for group in optimizer.param_groups for parameter in group["params"] if parameter.grad is not None]
        norm = torch.nn.utils.clip_grad_norm_(parameters, self.recipe.clip or float("inf"))
        self.latest["grad_norm"] = norm
        if bool(torch.isfinite(norm)) and bool(torch.isfinite(torch.as_tensor(self.latest["loss"]))):
            self.bad_in_a_row = 0
            return
        for parameter in parameters:
            parameter.grad = None
        self.counts["skipped_steps"] += 1
        self.bad_in_a_row += 1
        if self.bad_in_a_row >= 3:
            raise NonFiniteLoss(self.global_step)

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        checkpoint["maskwright"] = self.described
        finished = self.batches_done >= self.trainer.num_training_batches
        checkpoint["place"] = {
            "step": self.global_step,
            "epoch": self.current_epoch + int(finished),
            "batches": 0 if finished else self.batches_done,
        }
        checkpoint["progress"] = {**self.counts, "seconds": self.clock.seconds, "bad_in_a_row": self.bad_in_a_row}

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        saved = checkpoint["progress"]
        self.counts = {name: saved[name] for name in self.counts}
        self.masker.spent = {name: saved[name] for name in self.masker.spent}
        self.clock.earlier_seconds, self.bad_in_a_row = saved["seconds"], saved["bad_in_a_row"]


class NonFiniteLoss(MaskwrightError):
    """Three steps in a row gave a loss or gradient that is not a finite number."""

    def __init__(self, step: int) -> None:
        super().__init__(f"The loss was not finite three times in a row at step {step:,}.")
        self.step = step


def patch_errors(prediction: Prediction) -> Tensor:
    """(B, K) mean squared error of each predicted patch in the target's space, without a gradient."""
    return (prediction.values.detach().float() - prediction.targets()).square().mean(-1)
