"""The training step of a classifier: mix pictures and labels, answer, compare, record."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from timm.data.mixup import Mixup, mixup_target
from torch import Tensor
from torch.optim.swa_utils import AveragedModel

from maskwright.models.classifier import Classifier, draw_shares
from maskwright.patches.pixels import PixelScale
from maskwright.support.seeded_globals import seeded_globals
from maskwright.support.seeding import derive_seed, sample_rng
from maskwright.training.callback import Callback
from maskwright.training.clock import Clock
from maskwright.training.layer_decay import build_layered_optimizer
from maskwright.training.schedule_lr import LearningRate
from maskwright.training.stepped import SteppedModule
from maskwright.training.trainer import Trainer


@dataclass(frozen=True, kw_only=True)
class FinetuneStepSettings:
    """The numbers that a training step needs, all plain.

    seed: of mixing and of dropped branches.
    rate: the learning rate over the training.
    weight_decay: of AdamW.
    layer_decay: factor of the rate from each layer to the one below it.
    drop_path: share of branches that a picture skips.
    mixup, cutmix: their alphas, 0 for none.
    mix_prob: share of batches that are mixed.
    smoothing: of labels.
    clip: largest norm of the gradient, 0 for any.
    ema: how slowly the average of the weights moves, 0 for none.
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
        settings: FinetuneStepSettings,
        clock: Clock,
        described: dict[str, Any],
    ) -> None:
        """Take the parts as they are.

        described: plain values stored in every checkpoint, so that it can be opened without its
            run.
        """
        super().__init__(clock, settings.rate, settings.clip, {"images": 0}, described)
        self.model = model
        self.scale = scale
        self.settings = settings
        self.averaged: AveragedModel | None = None
        if settings.ema > 0:
            self.averaged = AveragedModel(model, avg_fn=warmed_average(settings.ema))
        self.mix = _build_mix(settings, model.num_classes)

    @property
    def answering(self) -> Classifier:
        """What is measured and kept: the average of the weights where there is one."""
        if self.averaged is None:
            return self.model
        assert isinstance(self.averaged.module, Classifier)
        return self.averaged.module

    def training_step(self, batch: Any) -> Tensor:
        # (B, C, H, W) bytes -> the model's numbers; (B,) labels -> (B, K) soft targets
        images, targets = self.mix_batch(self.scale.to_model(batch.images), batch.labels)
        scores = self.model.classify(images, self.draw_depths(batch.sample_ids))
        loss = F.cross_entropy(scores.float(), targets)
        self.counts["images"] += len(images)
        self.latest = {"loss": loss.detach()}
        return loss

    def mix_batch(self, images: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
        """Images in pairs under one seeded draw per step, and (B, K) targets, smoothed."""
        if self.mix is None:
            num_classes = self.model.num_classes
            return images, mixup_target(labels, num_classes, smoothing=self.settings.smoothing)
        # timm draws from numpy's global generator; it is seeded here and put back after.
        with seeded_globals() as seed:
            seed(derive_seed(self.settings.seed, "mix", self.global_step))
            return self.mix(images, labels)

    def draw_depths(self, sample_ids: Tensor) -> Tensor | None:
        """Which branches each image takes in this step."""
        if self.settings.drop_path == 0:
            return None
        # By each sample's own stream: the same whatever the batch or the number of processes.
        rng = sample_rng(self.settings.seed, self.current_epoch, sample_ids, "drop path")
        return draw_shares(rng.uniform(self.model.config.depth, 2), self.settings.drop_path)

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return build_layered_optimizer(
            self.model,
            weight_decay=self.settings.weight_decay,
            layer_decay=self.settings.layer_decay,
        )


class Averaging(Callback):
    """Moves the average of the weights after each step.

    It must stand before what writes checkpoints, or a resumed run would miss a step.
    """

    def on_train_batch_end(self, trainer: Trainer, module: Any) -> None:
        if module.averaged is not None:
            module.averaged.update_parameters(module.model)


def warmed_average(decay: float) -> Any:
    """An average that moves faster at the beginning.

    Otherwise a short training would end near its first weights.
    """

    def average(averaged: Tensor, current: Tensor, count: Tensor | int) -> Tensor:
        steps = torch.as_tensor(count, device=averaged.device, dtype=torch.float32)
        # The usual ramp of TensorFlow's ExponentialMovingAverage: 0.1 at the start, then `decay`.
        share_kept = torch.clamp((1 + steps) / (10 + steps), max=decay)
        return averaged.lerp(current, 1 - share_kept)

    return average


def _build_mix(settings: FinetuneStepSettings, num_classes: int) -> Mixup | None:
    """timm's mixup and cutmix, one of both per batch; None when both are off."""
    if settings.mix_prob == 0 or max(settings.mixup, settings.cutmix) == 0:
        return None
    return Mixup(
        mixup_alpha=settings.mixup,
        cutmix_alpha=settings.cutmix,
        prob=settings.mix_prob,
        label_smoothing=settings.smoothing,
        num_classes=num_classes,
    )
