"""Settings become parts: the model, the policy's beginning, the objective, the training module."""

from __future__ import annotations

import dataclasses
from typing import Any

import torch

from maskwright.components.basis import PictureShape
from maskwright.masking.components import components_of
from maskwright.masking.guided import GuidedPolicy
from maskwright.masking.policy import Policy
from maskwright.masking.stateful import (
    HasMemory,
    HasPairs,
    PolicyContext,
    StatefulPolicy,
    initialize_policy,
    leaves,
    stateful_policies,
)
from maskwright.models.autoencoder import MaskedAutoencoder
from maskwright.models.scorer import Scorer
from maskwright.patches import Grid, PixelScale
from maskwright.schedules import parse_schedule
from maskwright.support.errors import MaskwrightError
from maskwright.support.seeding import torch_generator
from maskwright.training.clock import Clock
from maskwright.training.component_masker import ComponentMasker
from maskwright.training.masker import OWN, Masker, MaskerSettings
from maskwright.training.module import PretrainModule
from maskwright.training.pretrain_parts import PretrainParts, PretrainStepSettings
from maskwright.training.schedule_lr import LearningRate
from maskwright.training.step_parts import is_by_picture
from maskwright.training.teachers import OwnTeacher
from maskwright.workflows.building.components import build_basis, check_basis
from maskwright.workflows.building.model_shape import model_config
from maskwright.workflows.building.objective import build_checked_objective
from maskwright.workflows.building.policy_build import PolicyBuild, build_run_policy
from maskwright.workflows.building.target import build_features, open_target_teacher
from maskwright.workflows.building.teachers import open_teachers
from maskwright.workflows.settings.pretrain_settings import PretrainSettings

# A compiled model compiles again for every count of visible patches, so a ratio that moves takes
# only so many values.
COMPILED_RATIO_LEVELS = 8


def build_module(
    settings: PretrainSettings,
    scale: PixelScale,
    clock: Clock,
    described: dict[str, Any],
    num_pictures: int,
    policy_build: PolicyBuild | None = None,
) -> PretrainModule:
    """Build everything that trains, with weights drawn from the seed.

    described: plain values stored in every checkpoint, beside the shape of the model.
    num_pictures: how many are trained on.
    policy_build: the run's policy; built here when None.
    """
    train = settings.train
    config = model_config(settings)
    teacher = open_target_teacher(config)
    if teacher is not None:
        config = dataclasses.replace(config, target_values=teacher.config.width)
    model = MaskedAutoencoder(config, torch_generator(train.seed, "weights"))
    parts = build_run_policy(settings) if policy_build is None else policy_build
    policy = initialized_policy(parts.policy, model.grid, config.channels, train.seed, num_pictures)
    trained = PretrainParts(
        model=model,
        masker=_build_masker(settings, policy, model, scale, num_pictures),
        objective=build_checked_objective(settings, scale),
        features=build_features(model, scale, teacher),
    )
    described = {**described, "model": config.to_dict()}
    return PretrainModule(trained, _step_settings(settings), clock, described)


def _step_settings(settings: PretrainSettings) -> PretrainStepSettings:
    train = settings.train
    return PretrainStepSettings(
        seed=train.seed,
        optimizer=train.optimizer or "adamw",
        rate=LearningRate(train.lr or 0.0, train.min_lr, train.warmup),
        weight_decay=train.weight_decay,
        beta2=train.beta2,
        clip=train.clip,
        masks_per_image=settings.mask.masks_per_image,
        layer_decay=1.0 if train.layer_decay is None else train.layer_decay,
        decoder_first=train.decoder_first or 0.0,
    )


def _build_masker(
    settings: PretrainSettings,
    policy: Policy,
    model: MaskedAutoencoder,
    scale: PixelScale,
    num_pictures: int,
) -> Masker | ComponentMasker:
    masker_settings = MaskerSettings(
        ratio=parse_schedule(settings.mask.ratio),
        seed=settings.train.seed,
        predict=1.0 if settings.mask.predict is None else settings.mask.predict,
        ratio_levels=COMPILED_RATIO_LEVELS if settings.run.compile else None,
    )
    if (components := components_of(policy)) is not None:
        shape = PictureShape(model.config.channels, *model.config.image_size)
        basis = build_basis(components, shape, num_pictures, settings.train.seed)
        check_basis(components, basis, masker_settings.ratio.at(1.0))
        return ComponentMasker(components, masker_settings, basis, model.grid, scale)
    own_teacher = build_own_teacher(policy, model)
    joins = any(map(_joins_processes, stateful_policies(policy)))
    if joins and is_by_picture(masker_settings.ratio) and _processes(settings) > 1:
        raise MaskwrightError(
            f"Policy '{settings.mask.policy}' remembers or compares what all processes see, which"
            " have pictures of other ratios where each picture draws its own; use one process, or"
            " uniform(low, high), one ratio for a batch."
        )
    return Masker(policy, masker_settings, model.grid, scale, own_teacher, open_teachers(policy))


def _joins_processes(policy: StatefulPolicy) -> bool:
    """Whether a policy needs the pictures of all processes at once."""
    compares = isinstance(policy, HasPairs) and policy.compares_pictures
    return compares or isinstance(policy, HasMemory)


def _processes(settings: PretrainSettings) -> int:
    return settings.run.devices * settings.run.nodes


def initialized_policy(
    policy: Policy, grid: Grid, channels: int, seed: int, num_pictures: int
) -> Policy:
    """Give the policies that keep a state their beginning.

    Networks are drawn from the seed and score all patches alike; memories are empty.
    """
    rng = torch_generator(seed, "policy")

    def build_scorer(width: int, depth: int) -> Scorer:
        heads = max(1, width // 32)
        numbers_per_patch = grid.patch_size**2 * channels
        scorer = Scorer(grid, numbers_per_patch, width=width, depth=depth, heads=heads, rng=rng)
        # Equal scores: masks are random until something has been learned.
        torch.nn.init.zeros_(scorer.fc2.weight)
        return scorer

    context = PolicyContext(grid=grid, num_pictures=num_pictures, build_scorer=build_scorer)
    return initialize_policy(policy, context)


def build_own_teacher(policy: Policy, model: MaskedAutoencoder) -> OwnTeacher | None:
    """The average of the encoder that a policy is guided by, when one is."""
    guides = {
        (leaf.decay, leaf.refresh)
        for leaf in leaves(policy)
        if isinstance(leaf, GuidedPolicy) and leaf.source == OWN
    }
    if not guides:
        return None
    if len(guides) > 1:
        raise MaskwrightError(
            "Policies guided by the run's own encoder share one average of it; give them the same"
            " decay and refresh."
        )
    decay, refresh = guides.pop()
    return OwnTeacher(model.config, model.grid, model.encoder, decay, refresh)
