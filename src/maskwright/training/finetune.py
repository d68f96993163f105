"""The training step of a classifier: mix pictures and labels, answer, compare, record."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from lightning import Callback, Trainer
from timm.data.mixup import Mixup, mixup_target
from torch import Tensor
from torch.optim.swa_utils import AveragedModel

from maskwright.models.classifier import Classifier, draw_shares
from maskwright.patches.pixels import PixelScale
from maskwright.support.seeded_globals import seeded_globals
from maskwright.support.seeding import derive_seed, sample_rng
from maskwright.training.clock import Clock
from maskwright.training.layer_decay import build_layered_optimizer
from maskwright.training.schedule_lr import LearningRate
from maskwright.training.stepped import SteppedModule


@dataclass(frozen=True, kw_only=True)
class FinetuneStepSettings:
    """The numbers that a training step needs, all plain; ema: how slowly the average of the weights
    moves, 0 for none.
    """

    seed: int
    rate: LearningRate
    weight_decay: float
    layer_decay: float
    drop_path: float
    mixup: float
    cutmix: float
    mix_prob: float
    smoothing: float
    clip: float
    ema: float


class FinetuneModule(SteppedModule):
    """Trains a Classifier, all patches visible; everything it needs is passed in."""

    def __init__(
        self,
        model: Classifier,
        scale: PixelScale,
        recipe: FinetuneStepSettings,
        clock: Clock,
        described: dict[str, Any],
    ) -> None:
        """described: plain values stored in every checkpoint so that it can be opened without its
        run.
        """
        super().__init__(clock, recipe.rate, recipe.clip, {"images": 0}, described)
        self.model, self.scale, self.recipe = model, scale, recipe
        self.averaged = (
            AveragedModel(model, avg_fn=warmed_average(recipe.ema)) if recipe.ema > 0 else None
        )
        self.mix = _build_mix(recipe, model.num_classes)

    @property
    def answering(self) -> Classifier:
        """What is measured and kept: the average of the weights where there is one."""
        if self.averaged is None:
            return self.model
        assert isinstance(self.averaged.module, Classifier)
        return self.averaged.module

    def training_step(self, batch: Any, batch_idx: int) -> Tensor:
        self.batches_done = batch_idx + 1
        images, targets = self.mix_batch(self.scale.to_model(batch.images), batch.labels)
        scores = self.model.classify(images, self.draw_depths(batch.sample_ids))
        loss = F.cross_entropy(scores.float(), targets)
        self.counts["images"] += len(images)
        self.latest = {"loss": loss.detach()}
        return loss

    def mix_batch(self, images: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
        """Images in pairs under one seeded draw per step, and (B, K) targets, smoothed."""
        if self.mix is None:
            return images, mixup_target(
                labels, self.model.num_classes, smoothing=self.recipe.smoothing
            )
        with seeded_globals() as seed:
            seed(derive_seed(self.recipe.seed, "mix", self.global_step))
            return self.mix(images, labels)

    def draw_depths(self, sample_ids: Tensor) -> Tensor | None:
        """Which branches each image takes in this step."""
        if self.recipe.drop_path == 0:
            return None
        rng = sample_rng(self.recipe.seed, self.current_epoch, sample_ids, "drop path")
        return draw_shares(rng.uniform(self.model.config.depth, 2), self.recipe.drop_path)

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return build_layered_optimizer(
            self.model, weight_decay=self.recipe.weight_decay, layer_decay=self.recipe.layer_decay
        )


class Averaging(Callback):
    """Moves the average of the weights after each step; it stands before what writes checkpoints,
    or a resumed run would miss a step.
    """

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: Any, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        if pl_module.averaged is not None:
            pl_module.averaged.update_parameters(pl_module.model)


def warmed_average(decay: float) -> Any:
    """An average that moves faster at the beginning, so that a short training does not end near its
    first weights.
    """

    def average(averaged: Tensor, current: Tensor, count: Tensor | int) -> Tensor:
        steps = torch.as_tensor(count, device=averaged.device, dtype=torch.float32)
        return averaged.lerp(current, 1 - torch.clamp((1 + steps) / (10 + steps), max=decay))

    return average


def _build_mix(recipe: FinetuneStepSettings, num_classes: int) -> Mixup | None:
    """timm's mixup and cutmix, one of both per batch; None when both are off."""
    if recipe.mix_prob == 0 or max(recipe.mixup, recipe.cutmix) == 0:
        return None
    return Mixup(
        mixup_alpha=recipe.mixup,
        cutmix_alpha=recipe.cutmix,
        prob=recipe.mix_prob,
        label_smoothing=recipe.smoothing,
        num_classes=num_classes,
    )
