"""The training step of a masked autoencoder: score, split, predict, compare, record."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

import torch
from torch import Tensor

from maskwright.losses.objective import Objective, ObjectiveValue
from maskwright.models.autoencoder import MaskedAutoencoder
from maskwright.models.config import ModelConfig
from maskwright.models.cost import count_step
from maskwright.patches import PatchMask, Prediction
from maskwright.support.sample_ids import join_sample_ids
from maskwright.training.clock import Clock
from maskwright.training.masker import Masker
from maskwright.training.optimizers import find_optimizer
from maskwright.training.schedule_lr import LearningRate
from maskwright.training.shown import Shown
from maskwright.training.stepped import SteppedModule


@dataclass(frozen=True, kw_only=True)
class PretrainStepSettings:
    """The numbers that a training step needs, all plain.

    seed: of everything that is drawn in a step.
    optimizer: its name in the catalog.
    rate: the learning rate over the training.
    weight_decay, beta2: of the optimizer.
    clip: largest norm of the gradient, 0 for any.
    masks_per_image: how many masks each picture gets in a step.
    """

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
        settings: PretrainStepSettings,
        clock: Clock,
        described: dict[str, Any],
    ) -> None:
        """Take the parts as they are.

        described: plain values stored in every checkpoint, so that it can be opened without its
            run.
        """
        counts = dict.fromkeys(("images", "encoder_tokens", "decoder_tokens", "model_flops"), 0)
        # The masker counts what policies and teachers cost; `record` adds that to the rest.
        counts |= masker.take_spent()
        super().__init__(clock, settings.rate, settings.clip, counts, described)
        self.model = model
        self.masker = masker
        self.objective = objective
        self.scale = masker.scale
        self.settings = settings

    @property
    def map_names(self) -> list[str]:
        """The maps that the policy and the loss look at."""
        return map_names_of(self.masker.policy.traits.needed("prior"), self.objective.needs.priors)

    def training_step(self, batch: Any, batch_idx: int) -> Tensor:
        progress = self.clock.progress(self.global_step)
        self.batches_done = batch_idx + 1
        shown = self.show(batch)

        # Score and split: the policy looks at the scene and gives a mask.
        self.masker.follow(self.model.encoder, self.global_step)
        scene = self.masker.scene(
            shown, epoch=self.current_epoch, step=self.global_step, progress=progress
        )
        mask = self.masker.draw(scene)
        # Whether scores were numbers is known on the device; it is read with the gradient's check.
        if (checks := scene.all_checks()) is not None:
            self.checks.append(checks)

        # Predict: (B, C, H, W) images and their mask -> (B, K, P) values.
        prediction = self.model(
            shown.images,
            mask,
            self.masker.weights(scene, mask),
            visible=self.objective.needs.visible,
        )

        # Compare; a policy that learns has a loss of its own.
        value = self.objective(replace(prediction, priors=shown.priors), shown.images, progress)
        policy_loss = None
        if self.masker.learners:
            errors = patch_errors(prediction)
            policy_loss = self.masker.learn(scene, mask, errors, self.join_rows)

        self.record(mask, value)
        if policy_loss is None:
            return value.total
        self.latest["loss_policy"] = policy_loss.detach()
        return value.total + policy_loss

    def show(self, batch: Any) -> Shown:
        """Images in the model's numbers with all that belongs to them.

        They are repeated under new ids when a picture gets several masks.
        """
        images = self.scale.to_model(batch.images)  # (B, C, H, W)
        ids = batch.sample_ids
        repeats = self.settings.masks_per_image
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
            images=images.repeat(repeats, 1, 1, 1),  # (repeats * B, C, H, W)
            # Each mask has a stream of chance of its own, and the picture can be read back from it.
            sample_ids=join_sample_ids(ids.repeat(repeats), mask_ids),
            mask_ids=mask_ids,
            priors={name: share.repeat(repeats, 1) for name, share in batch.priors.items()},
            views=batch.views.repeat(repeats, 1),
            keys=None if batch.keys is None else batch.keys * repeats,
        )

    def join_rows(self, rows: Tensor) -> Tensor:
        """The rows of all processes, one after another."""
        if self.trainer.world_size == 1:
            return rows
        gathered = self.all_gather(rows)  # (processes, B, ...)
        return gathered.flatten(0, 1)  # type: ignore[union-attr]

    def record(self, mask: PatchMask, value: ObjectiveValue) -> None:
        """Keep this step's values for whoever writes them down, without waiting for the device."""
        rows = mask.visible_ids.shape[0]
        config = self.model.config
        predicted = mask.predicted_ids.shape[1] + mask.num_visible * self.objective.needs.visible
        self.counts["images"] += rows
        self.counts["encoder_tokens"] += rows * (mask.num_visible + config.num_prefix)
        self.counts["decoder_tokens"] += rows * predicted
        # Step by step: the cost of a mean number of patches is not the mean cost, because attention
        # grows with the square.
        self.counts["model_flops"] += rows * training_cost(config, mask.num_visible, predicted)
        for name, count in self.masker.take_spent().items():
            self.counts[name] += count

        # Tensors stay on the device until a row is written.
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
        build = find_optimizer(self.settings.optimizer).load()
        return build(
            self.model,
            self.masker.learners,
            weight_decay=self.settings.weight_decay,
            beta2=self.settings.beta2,
        )


def map_names_of(of_policy: Iterable[str], of_loss: Iterable[str]) -> list[str]:
    """The names of the maps that come with each batch, in a fixed order."""
    return sorted({*of_policy, *of_loss})


def patch_errors(prediction: Prediction) -> Tensor:
    """(B, K) mean squared error of each predicted patch in the target's space, no gradient."""
    # (B, K, P) -> (B, K)
    return (prediction.values.detach().float() - prediction.targets()).square().mean(-1)


@lru_cache(maxsize=1024)
def training_cost(config: ModelConfig, num_visible: int, num_predicted: int) -> int:
    """Operations of an image's step with that many visible and predicted patches.

    It is asked for at every step, so it is remembered.
    """
    return count_step(config, num_visible, num_predicted).training
