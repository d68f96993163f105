"""Settings become parts: the model's shape, the policy, the objective, the training module."""

from __future__ import annotations

from typing import Any

import torch

from maskwright.masking.guided import GuidedPolicy
from maskwright.masking.policy import Policy
from maskwright.masking.stateful import PolicyContext, initialize_policy, leaves
from maskwright.models.autoencoder import MaskedAutoencoder
from maskwright.models.config import ModelConfig
from maskwright.models.scorer import Scorer
from maskwright.models.sizes import SIZES
from maskwright.patches import Grid, PixelScale
from maskwright.patches.mask import check_ratio
from maskwright.schedules import parse_schedule
from maskwright.support.errors import MaskwrightError, unknown_name
from maskwright.support.seeding import torch_generator
from maskwright.training.clock import Clock
from maskwright.training.masker import OWN, Masker
from maskwright.training.module import PretrainModule, Recipe
from maskwright.training.schedule_lr import LearningRate
from maskwright.training.teachers import OwnTeacher
from maskwright.workflows.building.objective import build_checked_objective
from maskwright.workflows.building.policies import build_checked_policy
from maskwright.workflows.building.teachers import open_teachers
from maskwright.workflows.settings.pretrain_settings import PretrainSettings, parse_size

COMPILED_RATIO_LEVELS = 8


def model_config(settings: PretrainSettings) -> ModelConfig:
    """The shape of the model from complete settings: a named size, single numbers replaced."""
    chosen = settings.model
    if chosen.model not in SIZES:
        raise unknown_name("model", str(chosen.model), SIZES)
    size = SIZES[chosen.model]
    height, width = parse_size(settings.data.image_size or 0)
    Grid.of_image(height, width, chosen.patch_size or 1)
    return ModelConfig(
        image_size=(height, width),
        patch_size=chosen.patch_size or 1,
        channels=settings.data.channels or 3,
        width=chosen.width or size.width,
        depth=chosen.depth or size.depth,
        heads=chosen.heads or size.heads,
        positions=chosen.positions,
        class_token=chosen.class_token,
        registers=chosen.registers,
        decoder=chosen.decoder or "full",
        decoder_width=chosen.decoder_width or size.decoder_width,
        decoder_depth=chosen.decoder_depth or size.decoder_depth,
        decoder_heads=chosen.decoder_heads or size.decoder_heads,
        target=chosen.target,
    )


def check_masks(settings: PretrainSettings, grid: Grid) -> Policy:
    """Build the policy and refuse a ratio that leaves nothing to see or to predict at any time of
    the training.
    """
    schedule = parse_schedule(settings.mask.ratio)
    for progress in (0.0, 0.25, 0.5, 0.75, 1.0):
        for draw in (0.0, 1.0):
            check_ratio(grid.num_patches, schedule.at(progress, draw))
    policy = build_checked_policy(settings.mask.policy, grid, schedule)
    if "views" in policy.traits.needs and (settings.data.rotate or settings.data.vertical_flip):
        raise MaskwrightError(
            f"Policy '{settings.mask.policy}' remembers places in the pictures, which turned or"
            " upside-down crops do not lead back to; leave out --rotate and --vertical-flip."
        )
    return policy


def build_module(
    settings: PretrainSettings,
    scale: PixelScale,
    clock: Clock,
    described: dict[str, Any],
    num_pictures: int,
) -> PretrainModule:
    """Build everything that trains, with weights drawn from the seed; num_pictures: how many are
    trained on.
    """
    config, train = model_config(settings), settings.train
    model = MaskedAutoencoder(config, torch_generator(train.seed, "weights"))
    policy = initialized_policy(
        check_masks(settings, model.grid), model.grid, config.channels, train.seed, num_pictures
    )
    masker = Masker(
        policy,
        parse_schedule(settings.mask.ratio),
        model.grid,
        scale,
        seed=train.seed,
        predict=1.0 if settings.mask.predict is None else settings.mask.predict,
        ratio_levels=COMPILED_RATIO_LEVELS if settings.run.compile else None,
        own_teacher=build_own_teacher(policy, model),
        teachers=open_teachers(policy),
    )
    recipe = Recipe(
        seed=train.seed,
        optimizer=train.optimizer or "adamw",
        rate=LearningRate(train.lr or 0.0, train.min_lr, train.warmup),
        weight_decay=train.weight_decay,
        beta2=train.beta2,
        clip=train.clip,
        masks_per_image=settings.mask.masks_per_image,
    )
    return PretrainModule(
        model, masker, build_checked_objective(settings, scale), scale, recipe, clock, described
    )


def initialized_policy(
    policy: Policy, grid: Grid, channels: int, seed: int, num_pictures: int
) -> Policy:
    """Give the policies that keep a state their beginning: networks drawn from the seed whose
    scores are all equal, empty memories.
    """
    rng = torch_generator(seed, "policy")

    def build_scorer(width: int, depth: int) -> Scorer:
        heads = max(1, width // 32)
        scorer = Scorer(
            grid, grid.patch_size**2 * channels, width=width, depth=depth, heads=heads, rng=rng
        )
        torch.nn.init.zeros_(
            scorer.fc2.weight
        )  # so that masks are random until something has been learned
        return scorer

    return initialize_policy(
        policy, PolicyContext(grid=grid, num_pictures=num_pictures, build_scorer=build_scorer)
    )


def build_own_teacher(policy: Policy, model: MaskedAutoencoder) -> OwnTeacher | None:
    """The average of the encoder that a policy is guided by, when one is."""
    guides = {
        (leaf.decay, leaf.refresh)
        for leaf in leaves(policy)
        if isinstance(leaf, GuidedPolicy) and leaf.source == OWN
    }
    if len(guides) > 1:
        raise MaskwrightError(
            "Policies guided by the run's own encoder share one average of it; give them the same"
            " decay and refresh."
        )
    return OwnTeacher(model.config, model.grid, model.encoder, *guides.pop()) if guides else None
