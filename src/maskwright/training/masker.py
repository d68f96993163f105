"""The masks of a training: its policy and ratio, what the policy may look at, what it learns, and
what that costs.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

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
from maskwright.models.encoder import Encoder
from maskwright.patches import Grid, PatchMask, PixelScale, take, visible_count
from maskwright.schedules import Schedule
from maskwright.support.sample_ids import picture_ids
from maskwright.support.seeding import derive_seed, sample_rng
from maskwright.training.monitor import MaskMonitor
from maskwright.training.teachers import OwnTeacher, Teacher

OWN = "self"


@dataclass(frozen=True, kw_only=True)
class Shown:
    """What a step shows: images (B, C, H, W) in the model's numbers, whose they are, which of a
    picture's masks, maps and views; keys: the pictures' names where the policy asks for them.
    """

    images: Tensor
    sample_ids: Tensor
    mask_ids: Tensor | None
    priors: Mapping[str, Tensor]
    views: Tensor
    keys: Sequence[str] | None = None


class Masker(nn.Module):
    """Draws masks and teaches the policy; an `nn.Module` because some policies have weights and
    memories to save.
    """

    def __init__(
        self,
        policy: Policy,
        ratio: Schedule,
        grid: Grid,
        scale: PixelScale,
        *,
        seed: int,
        predict: float = 1.0,
        ratio_levels: int | None = None,
        own_teacher: OwnTeacher | None = None,
        teachers: Mapping[str, Teacher] | None = None,
    ) -> None:
        """predict: share of the masked patches that the loss scores; ratio_levels: how many values
        a ratio schedule may take, since every new count of visible patches makes a compiled model
        compile again; teachers: source -> encoder, for policies guided by others.
        """
        super().__init__()
        self._policy = (policy,)  # in a tuple: its state is registered once, as a learner
        self.ratio, self.grid, self.scale = ratio, grid, scale
        self.seed, self.predict, self.ratio_levels = seed, predict, ratio_levels
        self.own_teacher, self._teachers = own_teacher, dict(teachers or {})
        self.learners = nn.ModuleList(stateful_policies(policy))  # type: ignore[arg-type]
        self.monitor = MaskMonitor(grid.num_patches)
        self.spent = {"teacher_tokens": 0, "policy_flops": 0}  # a training puts its own counts here
        self._unobserved: list[
            Feedback
        ] = []  # of the batches of the optimizer step that is being made

    @property
    def policy(self) -> Policy:
        return self._policy[0]

    def scene(self, shown: Shown, *, epoch: int, step: int, progress: float) -> Scene:
        """What the policy sees of a training step."""
        ratio = self.ratio.at(self._leveled(progress), self._leveled(self._step_draw(step)))
        return Scene(
            grid=self.grid,
            num_masked=self.grid.num_patches - visible_count(self.grid.num_patches, ratio),
            rng=sample_rng(self.seed, epoch, shown.sample_ids),
            progress=progress,
            training=True,
            sample_ids=shown.sample_ids,
            images=shown.images,
            priors=shown.priors,
            views=shown.views,
            attention=lambda source: self.look(source, shown.images, charged=True),
            mask_ids=shown.mask_ids,
            keys=shown.keys,
            picture_rng=(
                None
                if shown.mask_ids is None
                else sample_rng(self.seed, epoch, picture_ids(shown.sample_ids), "picture")
            ),
        )

    def draw(self, scene: Scene) -> PatchMask:
        """Mask a batch as its samples, epoch and seed decide."""
        mask = mask_scene(self.policy, scene, predicted_count(scene.num_masked, self.predict))
        self.monitor.add(mask)
        return mask

    def weights(self, scene: Scene, mask: PatchMask) -> Tensor | None:
        """(B, V) ones that carry a gradient to the policies that learn from the reconstruction's
        loss, or None.
        """
        product = None
        for learner in self.learners:
            if isinstance(learner, HasSoftMask) and (soft := learner.soft_mask(scene)) is not None:
                one = 1 + (soft - soft.detach())
                product = one if product is None else product * one
        return None if product is None else take(product[:, :, None], mask.visible_ids)[:, :, 0]

    def learn(
        self, scene: Scene, mask: PatchMask, errors: Tensor, gather: Callable[[Tensor], Tensor]
    ) -> Tensor | None:
        """Find what the policies' own losses say of each predicted patch's cost (B, K), and return
        their sum. gather: joins all processes.

        What is to be remembered of it waits until `after_step` says that the step was good.
        """
        if not len(self.learners):
            return None
        feedback = Feedback(scene, mask, errors)
        taught = (learner for learner in self.learners if isinstance(learner, HasLoss))
        terms = [term for learner in taught if (term := learner.loss(feedback)) is not None]
        if any(isinstance(learner, HasMemory) for learner in self.learners):
            self._unobserved.append(_seen_by_all(feedback, gather))
        self.spent["policy_flops"] += errors.shape[0] * flops_of(self.learners)
        return torch.stack(terms).sum() if terms else None

    @torch.no_grad()
    def after_step(self, is_good: bool) -> None:
        """Let the policies remember what the batches of a good step cost, and forget those of a
        step that was dropped.
        """
        waiting, self._unobserved = self._unobserved, []
        for feedback in waiting if is_good else ():
            for learner in self.learners:
                if isinstance(learner, HasMemory):
                    learner.observe(feedback)

    def look(self, source: str, images: Tensor, *, charged: bool = False) -> Tensor:
        """(B, N) attention of a source for images in the model's numbers; charged: whether it
        counts as the training's own cost.
        """
        teacher = self.own_teacher if source == OWN else self._teachers[source]
        assert teacher is not None
        if charged:
            self.spent["teacher_tokens"] += images.shape[0] * (
                teacher.grid.num_patches + teacher.config.num_prefix
            )
            self.spent["policy_flops"] += images.shape[0] * teacher.flops()
        return (
            teacher.look(images)
            if isinstance(teacher, OwnTeacher)
            else teacher.look(images, self.scale, self.grid)
        )

    def follow(self, encoder: Encoder, step: int) -> None:
        """Let the own teacher follow the encoder; called before optimizer step `step`."""
        if self.own_teacher is not None:
            self.own_teacher.follow(encoder, step)

    def restart(self, encoder: Encoder) -> None:
        """Let the own teacher begin from an encoder that has just got other weights."""
        if self.own_teacher is not None:
            self.own_teacher.copy(encoder)

    def _leveled(self, share: float) -> float:
        levels = self.ratio_levels
        return share if levels is None else round(share * (levels - 1)) / (levels - 1)

    def _step_draw(self, step: int) -> float:
        return random.Random(derive_seed(self.seed, "ratio", step)).random()


def predicted_count(num_masked: int, share: float) -> int | None:
    """How many masked patches the loss scores; None for all of them."""
    return None if share >= 1 else max(1, round(share * num_masked))


def _seen_by_all(feedback: Feedback, gather: Callable[[Tensor], Tensor]) -> Feedback:
    """Feedback of all processes; it waits for the end of a step, so it lets go of pictures and of
    what was computed from them.
    """
    scene, mask = feedback.scene, feedback.mask
    return Feedback(
        replace(
            scene,
            sample_ids=_gathered(scene.sample_ids, gather),
            views=_gathered(scene.views, gather),
            images=None,
            attention=None,
            cache={},
        ),
        PatchMask(
            *(gather(ids) for ids in (mask.visible_ids, mask.masked_ids, mask.predicted_ids))
        ),
        gather(feedback.errors),
    )


def _gathered(values: Tensor | None, gather: Callable[[Tensor], Tensor]) -> Tensor | None:
    return None if values is None else gather(values)
