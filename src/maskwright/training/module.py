"""The training step of a masked autoencoder: score, split, predict, compare, record."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

import torch
from torch import Tensor

from maskwright.losses.objective import Objective, ObjectiveValue
from maskwright.models.autoencoder import MaskedAutoencoder
from maskwright.models.config import ModelConfig
from maskwright.models.cost import count_step
from maskwright.patches import PatchMask, PixelScale, Prediction
from maskwright.support.sample_ids import join_sample_ids
from maskwright.training.clock import Clock
from maskwright.training.masker import Masker, Shown
from maskwright.training.optimizers import find_optimizer
from maskwright.training.schedule_lr import LearningRate
from maskwright.training.stepped import SteppedModule


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """The numbers that a training step needs, all plain."""

    seed: int
    optimizer: str
    rate: LearningRate
    weight_decay: float
    beta2: float
    clip: float
    masks_per_image: int


class PretrainModule(SteppedModule):
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
        """described: plain values stored in every checkpoint so that it can be opened without its
        run.
        """
        counts = dict.fromkeys(("images", "encoder_tokens", "decoder_tokens", "model_flops"), 0)
        counts |= masker.spent
        super().__init__(clock, recipe.rate, recipe.clip, counts, described)
        self.model, self.masker, self.objective = model, masker, objective
        self.scale, self.recipe = scale, recipe
        masker.spent = self.counts

    def training_step(self, batch: Any, batch_idx: int) -> Tensor:
        progress = self.clock.progress(self.global_step)
        self.batches_done = batch_idx + 1
        shown = self.show(batch)
        self.masker.follow(self.model.encoder, self.global_step)
        scene = self.masker.scene(
            shown, epoch=self.current_epoch, step=self.global_step, progress=progress
        )
        mask = self.masker.draw(scene)
        if (checks := scene.all_checks()) is not None:
            self.checks.append(checks)
        prediction = self.model(
            shown.images,
            mask,
            self.masker.weights(scene, mask),
            visible=self.objective.needs.visible,
        )
        value = self.objective(replace(prediction, priors=shown.priors), shown.images, progress)
        policy_loss = (
            self.masker.learn(scene, mask, patch_errors(prediction), self.join_rows)
            if self.masker.learners
            else None
        )
        self.record(mask, value)
        if policy_loss is None:
            return value.total
        self.latest["loss_policy"] = policy_loss.detach()
        return value.total + policy_loss

    def show(self, batch: Any) -> Shown:
        """Images in the model's numbers with all that belongs to them, repeated under new ids when
        a picture gets several masks.
        """
        images, ids, repeats = (
            self.scale.to_model(batch.images),
            batch.sample_ids,
            self.recipe.masks_per_image,
        )
        if repeats == 1:
            return Shown(
                images=images,
                sample_ids=ids,
                mask_ids=None,
                priors=batch.priors,
                views=batch.views,
                keys=batch.keys,
            )
        mask_ids = torch.arange(repeats, device=ids.device).repeat_interleave(len(ids))
        return Shown(
            images=images.repeat(repeats, 1, 1, 1),
            sample_ids=join_sample_ids(ids.repeat(repeats), mask_ids),
            mask_ids=mask_ids,
            priors={name: share.repeat(repeats, 1) for name, share in batch.priors.items()},
            views=batch.views.repeat(repeats, 1),
            keys=None if batch.keys is None else batch.keys * repeats,
        )

    def join_rows(self, rows: Tensor) -> Tensor:
        """The rows of all processes, one after another."""
        return rows if self.trainer.world_size == 1 else self.all_gather(rows).flatten(0, 1)  # type: ignore[union-attr]

    def record(self, mask: PatchMask, value: ObjectiveValue) -> None:
        """Keep this step's values for whoever writes them down, without waiting for the device."""
        rows, config = mask.visible_ids.shape[0], self.model.config
        predicted = mask.predicted_ids.shape[1] + mask.num_visible * self.objective.needs.visible
        self.counts["images"] += rows
        self.counts["encoder_tokens"] += rows * (mask.num_visible + config.num_prefix)
        self.counts["decoder_tokens"] += rows * predicted
        # Step by step: the cost of a mean number of patches is not the mean cost, because attention
        # grows with the square.
        self.counts["model_flops"] += rows * training_cost(config, mask.num_visible, predicted)
        self.latest = {
            **value.columns("loss"),
            "num_visible": mask.num_visible,
            "masked": mask.num_masked / mask.num_patches,
        }
        self.latest |= {f"weight_{name}": weight for name, weight in value.weights.items()}

    def after_step(self, is_good: bool) -> None:
        self.masker.after_step(is_good)

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        super().on_save_checkpoint(checkpoint)
        checkpoint["masks"] = self.masker.monitor.state()

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        super().on_load_checkpoint(checkpoint)
        if "masks" in checkpoint:  # not in those of earlier versions
            self.masker.monitor.restore(checkpoint["masks"])

    def configure_optimizers(self) -> torch.optim.Optimizer:
        build = find_optimizer(self.recipe.optimizer).load()
        return build(
            self.model,
            self.masker.learners,
            weight_decay=self.recipe.weight_decay,
            beta2=self.recipe.beta2,
        )


def patch_errors(prediction: Prediction) -> Tensor:
    """(B, K) mean squared error of each predicted patch in the target's space, without
    a gradient.
    """
    return (prediction.values.detach().float() - prediction.targets()).square().mean(-1)


@lru_cache(maxsize=1024)
def training_cost(config: ModelConfig, num_visible: int, num_predicted: int) -> int:
    """Operations of an image's step with that many visible and predicted patches; asked for at
    every step, so it is remembered.
    """
    return count_step(config, num_visible, num_predicted).training
