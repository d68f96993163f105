"""The masks of a training: its policy and ratio, what the policy sees, learns and costs."""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from maskwright.masking.policy import Policy, Scene, mask_scene
from maskwright.masking.stateful import (
    Feedback,
    HasLoss,
    HasMemory,
    HasSoftMask,
    flops_of,
    stateful_policies,
)
from maskwright.models.autoencoder import MaskedAutoencoder
from maskwright.models.encoder import Encoder
from maskwright.patches import Grid, PatchMask, PixelScale, Prediction, take, visible_count
from maskwright.schedules import Schedule
from maskwright.support.seeding import derive_seed, sample_rng
from maskwright.training.group import ALONE, Group
from maskwright.training.monitor import MaskMonitor
from maskwright.training.shown import Shown, gather_feedback, picture_rng
from maskwright.training.teachers import OwnTeacher, Teacher

OWN = "self"


@dataclass(frozen=True, kw_only=True)
class MaskerSettings:
    """The numbers by which a training masks.

    ratio: share of patches that is masked, over the training.
    seed: what the chance of masks comes from.
    predict: share of the masked patches that the loss scores.
    ratio_levels: how many values a ratio schedule may take; every new count of visible patches
        makes a compiled model compile again.
    """

    ratio: Schedule
    seed: int
    predict: float = 1.0
    ratio_levels: int | None = None


class Masker(nn.Module):
    """Draws masks and teaches the policy.

    It is an `nn.Module` because some policies have weights and memories to save.
    """

    def __init__(
        self,
        policy: Policy,
        settings: MaskerSettings,
        grid: Grid,
        scale: PixelScale,
        own_teacher: OwnTeacher | None = None,
        teachers: Mapping[str, Teacher] | None = None,
    ) -> None:
        """Take the parts as they are.

        own_teacher: the average of the trained encoder, where a policy is guided by it.
        teachers: source -> encoder, for policies guided by others.
        """
        super().__init__()
        # A policy can be an nn.Module itself. As a plain attribute it would be registered twice,
        # here and among the learners, and every checkpoint would hold its state twice; inside a
        # tuple torch does not see it.
        self._policy = (policy,)
        self.settings = settings
        self.grid = grid
        self.scale = scale
        self.own_teacher = own_teacher
        self._teachers = dict(teachers or {})
        self.learners = nn.ModuleList(stateful_policies(policy))  # type: ignore[arg-type]
        self.monitor = MaskMonitor(grid.num_patches)
        # What policy and teachers have cost since the last `take_spent`.
        self.spent = {"teacher_tokens": 0, "policy_flops": 0}
        # Of the batches of the optimizer step that is being made.
        self._unobserved: list[Feedback] = []

    @property
    def policy(self) -> Policy:
        return self._policy[0]

    @property
    def ratio(self) -> Schedule:
        """Share of patches that is masked, over the training."""
        return self.settings.ratio

    def scene(
        self, shown: Shown, *, epoch: int, step: int, progress: float, ratio: float | None = None
    ) -> Scene:
        """What the policy sees of a training step; ratio: by the schedule where it is None."""
        if ratio is None:
            ratio = ratio_at(self.settings, step, progress)
        return Scene(
            grid=self.grid,
            num_masked=self.grid.num_patches - visible_count(self.grid.num_patches, ratio),
            rng=sample_rng(self.settings.seed, epoch, shown.sample_ids),
            progress=progress,
            training=True,
            sample_ids=shown.sample_ids,
            images=shown.images,
            priors=shown.priors,
            views=shown.views,
            # A function: attention costs a pass of the teacher, so it is computed when asked for.
            attention=lambda source: self.look(source, shown.images, charged=True),
            mask_ids=shown.mask_ids,
            keys=shown.keys,
            picture_rng=picture_rng(self.settings.seed, shown, epoch),
        )

    def draw(self, scene: Scene) -> PatchMask:
        """Mask a batch as its samples, epoch and seed decide."""
        num_predicted = predicted_count(scene.num_masked, self.settings.predict)
        mask = mask_scene(self.policy, scene, num_predicted)
        self.monitor.add(mask.is_masked)
        return mask

    def predict(
        self,
        model: MaskedAutoencoder,
        images: Tensor,
        mask: PatchMask,
        weights: Tensor | None = None,
        *,
        visible: bool = False,
    ) -> Prediction:
        """What the model predicts of what the mask hides; visible: of what it shows, too."""
        prediction: Prediction = model(images, mask, weights, visible=visible)
        return prediction

    def share_masked(self, mask: PatchMask) -> float:
        """The share of patches that a mask hides."""
        return mask.num_masked / mask.num_patches

    def count_patches(self, ratio: float) -> tuple[int, int]:
        """How many patches of a picture are seen and predicted at a ratio."""
        num_visible = visible_count(self.grid.num_patches, ratio)
        num_masked = self.grid.num_patches - num_visible
        return num_visible, predicted_count(num_masked, self.settings.predict) or num_masked

    def weights(self, scene: Scene, mask: PatchMask) -> Tensor | None:
        """(B, V) ones that carry a gradient from the reconstruction's loss to policies, or None."""
        product = None
        for learner in self.learners:
            if isinstance(learner, HasSoftMask) and (soft := learner.soft_mask(scene)) is not None:
                # Straight through: the value is exactly 1, the slope is that of the soft mask.
                gate = 1 + (soft - soft.detach())  # (B, N)
                product = gate if product is None else product * gate
        if product is None:
            return None
        return take(product[:, :, None], mask.visible_ids)[:, :, 0]  # (B, N) -> (B, V)

    def learn(
        self, scene: Scene, mask: PatchMask, errors: Tensor, group: Group = ALONE
    ) -> Tensor | None:
        """Return the sum of the policies' own losses, from each predicted patch's cost (B, K).

        group: the processes whose pictures make up the batch.

        What is to be remembered of it waits until `after_step` says that the step was good.
        """
        if not len(self.learners):
            return None
        feedback = Feedback(scene, mask, errors, group.join_rows)
        terms = []
        for learner in self.learners:
            if isinstance(learner, HasLoss) and (term := learner.loss(feedback)) is not None:
                terms.append(term)
        # Gathering costs communication, so it is done only where somebody remembers.
        if any(isinstance(learner, HasMemory) for learner in self.learners):
            self._unobserved.append(gather_feedback(feedback, group.gather_rows))
        self.spent["policy_flops"] += errors.shape[0] * flops_of(self.learners)
        return torch.stack(terms).sum() if terms else None

    @torch.no_grad()
    def after_step(self, is_good: bool) -> None:
        """Let policies remember the batches of a good step, and forget those of a dropped one."""
        waiting, self._unobserved = self._unobserved, []
        if not is_good:
            return
        for feedback in waiting:
            for learner in self.learners:
                if isinstance(learner, HasMemory):
                    learner.observe(feedback)

    def look(self, source: str, images: Tensor, *, charged: bool = False) -> Tensor:
        """(B, N) attention of a source for images in the model's numbers.

        charged: whether it counts as the training's own cost.
        """
        teacher = self.own_teacher if source == OWN else self._teachers[source]
        assert teacher is not None
        if charged:
            tokens = teacher.grid.num_patches + teacher.config.num_prefix
            self.spent["teacher_tokens"] += images.shape[0] * tokens
            self.spent["policy_flops"] += images.shape[0] * teacher.flops()
        # The own teacher sees pictures as the model does; others have their own scale and grid.
        if isinstance(teacher, OwnTeacher):
            return teacher.look(images)
        return teacher.look(images, self.scale, self.grid)

    def take_spent(self) -> dict[str, int]:
        """What was spent since the last call; counting begins again at 0."""
        spent = dict(self.spent)
        self.spent = dict.fromkeys(spent, 0)
        return spent

    def follow(self, encoder: Encoder, step: int) -> None:
        """Let the own teacher follow the encoder; called before optimizer step `step`."""
        if self.own_teacher is not None:
            self.own_teacher.follow(encoder, step)

    def restart(self, encoder: Encoder) -> None:
        """Let the own teacher begin from an encoder that has just got other weights."""
        if self.own_teacher is not None:
            self.own_teacher.copy(encoder)


def ratio_at(settings: MaskerSettings, step: int, progress: float) -> float:
    """The share that is masked in a step, one for the whole batch."""
    # From the step alone, so that a resumed run draws the same ratios.
    draw = random.Random(derive_seed(settings.seed, "ratio", step)).random()
    levels = settings.ratio_levels
    return settings.ratio.at(_leveled(progress, levels), _leveled(draw, levels))


def _leveled(share: float, levels: int | None) -> float:
    """The nearest of so many values in [0, 1]; any value for None."""
    return share if levels is None else round(share * (levels - 1)) / (levels - 1)


def predicted_count(num_masked: int, share: float) -> int | None:
    """How many masked patches the loss scores; None for all of them."""
    return None if share >= 1 else max(1, round(share * num_masked))
