"""The training step of a masked autoencoder: score, split, predict, compare, record."""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import Any

import torch
from lightning import LightningModule
from torch import Tensor

from maskwright.losses.objective import Objective, ObjectiveValue
from maskwright.masking.policy import Policy, Scene, mask_scene
from maskwright.models.autoencoder import MaskedAutoencoder
from maskwright.patches import PatchMask, PixelScale, visible_count
from maskwright.schedules import Schedule
from maskwright.support.errors import MaskwrightError
from maskwright.support.seeding import derive_seed, sample_rng
from maskwright.training.clock import Clock
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
    predict: float
    ratio_levels: int | None = None
    """How many values a ratio schedule may take: every new count of visible patches makes a compiled model compile again."""


class PretrainModule(LightningModule):
    """Trains a MaskedAutoencoder under one policy; everything it needs is passed in."""

    def __init__(
        self,
        model: MaskedAutoencoder,
        policy: Policy,
        ratio: Schedule,
        objective: Objective,
        scale: PixelScale,
        recipe: Recipe,
        clock: Clock,
        described: dict[str, Any],
    ) -> None:
        """described: plain values stored in every checkpoint so that it can be opened without its run."""
        super().__init__()
        self.model, self.policy, self.ratio, self.objective = model, policy, ratio, objective
        self.scale, self.recipe, self.clock, self.described = scale, recipe, clock, described
        self.latest: dict[str, Tensor | float] = {}
        self.counts = {"images": 0, "encoder_tokens": 0, "decoder_tokens": 0, "skipped_steps": 0}
        self.bad_in_a_row = 0
        self.batches_done = 0

    def training_step(self, batch: Any, batch_idx: int) -> Tensor:
        progress = self.clock.progress(self.global_step)
        self.batches_done = batch_idx + 1
        images, sample_ids = self.views(batch)
        mask = self.draw_mask(images, sample_ids, progress)
        prediction = self.model(images, mask, visible=self.objective.needs.visible)
        value = self.objective(prediction, images, progress)
        self.record(mask, value)
        return value.total

    def views(self, batch: Any) -> tuple[Tensor, Tensor]:
        """Images in the model's numbers and their ids, repeated with new ids when an image gets several masks."""
        images, ids, repeats = self.scale.to_model(batch.images), batch.sample_ids, self.recipe.masks_per_image
        if repeats == 1:
            return images, ids
        return images.repeat(repeats, 1, 1, 1), torch.cat([ids + (view << 40) for view in range(repeats)])

    def draw_mask(self, images: Tensor, sample_ids: Tensor, progress: float) -> PatchMask:
        """Mask a batch as its samples, epoch and seed decide."""
        grid = self.model.grid
        num_visible = visible_count(grid.num_patches, self.ratio.at(self._leveled(progress), self._leveled(self._step_draw())))
        scene = Scene(
            grid=grid,
            num_masked=grid.num_patches - num_visible,
            rng=sample_rng(self.recipe.seed, self.current_epoch, sample_ids),
            progress=progress,
            sample_ids=sample_ids,
            images=images,
        )
        return mask_scene(self.policy, scene, predicted_count(scene.num_masked, self.recipe.predict))

    def record(self, mask: PatchMask, value: ObjectiveValue) -> None:
        """Keep this step's values for whoever writes them down, without waiting for the device."""
        rows = mask.visible_ids.shape[0]
        self.counts["images"] += rows
        self.counts["encoder_tokens"] += rows * (mask.num_visible + self.model.config.num_prefix)
        self.counts["decoder_tokens"] += rows * (mask.predicted_ids.shape[1] + mask.num_visible * self.objective.needs.visible)
        self.latest = {**value.columns("loss"), "num_visible": mask.num_visible, "masked": mask.num_masked / mask.num_patches}
        self.latest |= {f"weight_{name}": weight for name, weight in value.weights.items()}

    def configure_optimizers(self) -> torch.optim.Optimizer:
        parts = [self.model] + ([self.policy] if isinstance(self.policy, torch.nn.Module) else [])
        return build_optimizer(parts, weight_decay=self.recipe.weight_decay, beta2=self.recipe.beta2)

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
        self.clock.earlier_seconds, self.bad_in_a_row = saved["seconds"], saved["bad_in_a_row"]

    def _leveled(self, share: float) -> float:
        levels = self.recipe.ratio_levels
        return share if levels is None else round(share * (levels - 1)) / (levels - 1)

    def _step_draw(self) -> float:
        return random.Random(derive_seed(self.recipe.seed, "ratio", self.global_step)).random()


class NonFiniteLoss(MaskwrightError):
    """Three steps in a row gave a loss or gradient that is not a finite number."""

    def __init__(self, step: int) -> None:
        super().__init__(f"The loss was not finite three times in a row at step {step:,}.")
        self.step = step


def predicted_count(num_masked: int, share: float) -> int | None:
    """How many masked patches the loss scores; None for all of them."""
    return None if share >= 1 else max(1, round(num_masked * share))
