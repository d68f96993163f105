"""The training step of a masked autoencoder: score, split, predict, compare, record."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from maskwright.data.picture_losses import PictureLosses
from maskwright.losses.objective import ObjectiveValue
from maskwright.patches import PatchMask, Prediction
from maskwright.training.clock import Clock
from maskwright.training.feature_sources import measure_spread
from maskwright.training.layer_rates import IS_ENCODER, encoder_share, rate_by_layer
from maskwright.training.optimizers import find_optimizer
from maskwright.training.pretrain_parts import PretrainParts, PretrainStepSettings, training_cost
from maskwright.training.shown import Shown, show
from maskwright.training.step_parts import StepPart, is_by_picture, mean_row, parts_of
from maskwright.training.stepped import SteppedModule


class PretrainModule(SteppedModule):
    """Trains a MaskedAutoencoder under the masks of a Masker; everything it needs is passed in."""

    def __init__(
        self,
        parts: PretrainParts,
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
        counts |= parts.masker.take_spent()
        if parts.features is not None:
            counts["target_flops"] = 0
        super().__init__(clock, settings.rate, settings.clip, counts, described)
        self.model = parts.model
        self.masker = parts.masker
        self.objective = parts.objective
        self.features = parts.features
        self.scale = parts.masker.scale
        self.settings = settings
        # What each picture costs, where pictures are sampled by it; set by whoever builds the
        # loader that draws by it.
        self.picture_losses: PictureLosses | None = None
        # (sample ids, losses) of the parts of this step, and of the batches of the optimizer step.
        self._costs: list[tuple[Tensor, Tensor]] = []
        self._unobserved: list[tuple[Tensor, Tensor]] = []

    @property
    def map_names(self) -> list[str]:
        """The maps that the policy and the loss look at."""
        return map_names_of(self.masker.policy.traits.needed("prior"), self.objective.needs.priors)

    def training_step(self, batch: Any) -> Tensor:
        step, progress = self.global_step, self.clock.progress(self.global_step)
        self.masker.follow(self.model.encoder, step)
        if self.features is not None:
            self.features.follow(self.model.encoder, step, progress)

        # One part, unless each picture draws a ratio of its own; then pictures count alike.
        parts = parts_of(
            self.masker.settings,
            self.show(batch),
            epoch=self.current_epoch,
            step=step,
            progress=progress,
        )
        losses, rows = [], []
        before = dict(self.counts)
        for part in parts:
            losses.append(part.share * self.learn_from(part, progress))
            rows.append(self.latest)
        # Where each picture draws a ratio, processes see more or fewer patches than each other.
        if self.processes > 1 and is_by_picture(self.masker.settings.ratio):
            self.count_uneven(before)
        if len(parts) > 1:
            self.latest = mean_row(rows, [part.share for part in parts])
        if self._costs:
            ids, costs = (torch.cat(values) for values in zip(*self._costs, strict=True))
            # once a step, because processes have parts of other sizes
            gather = self.group.gather_rows
            self._unobserved.append((gather(ids), gather(costs)))
            self._costs = []
        return torch.stack(losses).sum()

    def learn_from(self, part: StepPart, progress: float) -> Tensor:
        """The loss of pictures that share a ratio; sets `latest` for them."""
        # Score and split: the policy looks at the scene and gives a mask.
        shown = part.shown
        scene = self.masker.scene(
            shown,
            epoch=self.current_epoch,
            step=self.global_step,
            progress=progress,
            ratio=part.ratio,
        )
        mask = self.masker.draw(scene)
        # Whether scores were numbers is known on the device; it is read with the gradient's check.
        if (checks := scene.all_checks()) is not None:
            self.checks.append(checks)

        # Predict: (B, C, H, W) images and their mask -> (B, K, T) values.
        weights = self.masker.weights(scene, mask)
        repeats = self.settings.masks_per_image
        prediction = self.predict(shown.images, mask, weights, repeats)
        prediction = replace(prediction, priors=shown.priors, gather=self.group.join_rows)

        # Compare; a policy that learns has a loss of its own.
        value = self.objective(prediction, shown.images, progress)
        policy_loss = None
        if self.masker.learners:
            errors = patch_errors(prediction)
            policy_loss = self.masker.learn(scene, mask, errors, self.group)

        self.record(mask, value, prediction.truth)
        if self.picture_losses is not None:
            # (B, K) -> (B,): the loss that a picture is sampled by is that of the reconstruction
            self._costs.append((shown.sample_ids, patch_errors(prediction).mean(1)))
        if policy_loss is None:
            return value.total
        self.latest["loss_policy"] = policy_loss.detach()
        return value.total + policy_loss

    def predict(
        self,
        images: Tensor,
        mask: PatchMask,
        weights: Tensor | None = None,
        repeats: int = 1,
    ) -> Prediction:
        """Predict what the loss compares, with the target's values where a network gives them.

        images, weights: as the model takes them.
        repeats: how often the batch holds the same pictures, one repetition after another.
        """
        visible = self.objective.needs.visible
        prediction = self.masker.predict(self.model, images, mask, weights, visible=visible)
        if self.features is None:
            return prediction
        # The network sees whole pictures, so masks of one picture share its values: (B, N, T).
        truth = self.features.measure(images[: len(images) // repeats])
        return replace(prediction, truth=truth.repeat(repeats, 1, 1))

    def show(self, batch: Any) -> Shown:
        """Images in the model's numbers with all that belongs to them.

        They are repeated under new ids when a picture gets several masks.
        """
        return show(batch, self.scale, self.settings.masks_per_image)

    def record(self, mask: PatchMask, value: ObjectiveValue, truth: Tensor | None) -> None:
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
            "masked": self.masker.share_masked(mask),
        }
        self.latest |= {f"weight_{name}": weight for name, weight in value.weights.items()}
        if self.features is not None and truth is not None:
            self.counts["target_flops"] += rows * self.target_flops()
            self.latest["target_spread"] = measure_spread(truth)

    def target_flops(self) -> int:
        """Operations for the target of a masked picture, 0 where no network computes it."""
        if self.features is None:
            return 0
        return self.features.flops() // self.settings.masks_per_image

    def after_step(self, is_good: bool) -> None:
        self.masker.after_step(is_good)
        waiting, self._unobserved = self._unobserved, []
        # What a dropped step has seen is forgotten.
        if is_good and self.picture_losses is not None:
            for sample_ids, costs in waiting:
                self.picture_losses.observe(sample_ids, costs)

    def take_row(self) -> dict[str, Any]:
        """Further numbers for a row: geometry of masks, and how unevenly pictures are drawn."""
        row = self.masker.monitor.take_row()
        if self.picture_losses is not None:
            row["sample_share"] = self.picture_losses.effective_share()
        return row

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        super().on_save_checkpoint(checkpoint)
        checkpoint["masks"] = self.masker.monitor.state()
        if self.picture_losses is not None:
            checkpoint["picture_losses"] = self.picture_losses.state()

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        super().on_load_checkpoint(checkpoint)
        if "masks" in checkpoint:  # not in those of earlier versions
            self.masker.monitor.restore(checkpoint["masks"])
        if self.picture_losses is not None:
            self.picture_losses.restore(checkpoint["picture_losses"])

    def configure_optimizers(self) -> torch.optim.Optimizer:
        build = find_optimizer(self.settings.optimizer).load()
        optimizer: torch.optim.Optimizer = build(
            self.model,
            self.masker.learners,
            weight_decay=self.settings.weight_decay,
            beta2=self.settings.beta2,
        )
        # Without rates of their own the groups stay as few as they are, which is faster.
        if self.settings.layer_decay < 1 or self.settings.decoder_first > 0:
            depth = self.model.config.depth
            rate_by_layer(optimizer, self.model, depth, self.settings.layer_decay)
        return optimizer

    def rate_share(self, group: dict[str, Any], progress: float) -> float:
        if not group.get(IS_ENCODER):
            return 1.0
        return encoder_share(progress, self.settings.decoder_first, self.rate.warmup)


def map_names_of(of_policy: Iterable[str], of_loss: Iterable[str]) -> list[str]:
    """The names of the maps that come with each batch, in a fixed order."""
    return sorted({*of_policy, *of_loss})


def patch_errors(prediction: Prediction) -> Tensor:
    """(B, K) mean squared error of each predicted patch in the target's space, no gradient."""
    # (B, K, P) -> (B, K)
    return (prediction.values.detach().float() - prediction.targets()).square().mean(-1)
