"""The policy of a run, built once and checked, with what the run must bring for it."""

from __future__ import annotations

from dataclasses import dataclass

from maskwright.components.basis import PictureShape
from maskwright.components.policy_text import hides_components
from maskwright.losses.objective import needs_of
from maskwright.masking.policy import Policy
from maskwright.patches import Grid
from maskwright.patches.mask import check_ratio
from maskwright.schedules import parse_schedule
from maskwright.support.errors import MaskwrightError
from maskwright.training.module import map_names_of
from maskwright.workflows.building.components import check_components, check_fit
from maskwright.workflows.building.model_shape import model_config
from maskwright.workflows.building.policies import build_any_policy, build_checked_policy
from maskwright.workflows.settings.pretrain_settings import PretrainSettings


@dataclass(frozen=True, kw_only=True)
class PolicyBuild:
    """What a run knows of its policy before there is a model.

    policy: as its settings say; networks and memories begin in `build_module`.
    grid: of patches, that it was checked on.
    map_names: the maps that policy and loss look at.
    needs_keys: whether the policy asks for the names of the pictures.
    """

    policy: Policy
    grid: Grid
    map_names: list[str]
    needs_keys: bool


def build_run_policy(settings: PretrainSettings, num_pictures: int | None = None) -> PolicyBuild:
    """Build the policy of complete settings; it may read mask files or load a scorer.

    num_pictures: how many there are, where that is known, for what is fitted on them.

    Raises MaskwrightError for a ratio that leaves nothing to see or to predict at any time of the
    training, and for crops that the policy cannot follow.
    """
    config = model_config(settings)
    grid = Grid.of_image(*config.image_size, config.patch_size)
    schedule = parse_schedule(settings.mask.ratio)
    if hides_components(settings.mask.policy):
        check_components(settings)
        policy = build_any_policy(settings.mask.policy, grid, schedule)
        if num_pictures is not None:
            check_fit(policy, PictureShape(config.channels, *config.image_size), num_pictures)
        return _policy_build(policy, grid, settings)
    # The corners of a schedule: parts of the training, and the ends of what it draws.
    for progress in (0.0, 0.25, 0.5, 0.75, 1.0):
        for draw in (0.0, 1.0):
            check_ratio(grid.num_patches, schedule.at(progress, draw))

    policy = build_checked_policy(settings.mask.policy, grid, schedule)
    if "views" in policy.traits.needs and (settings.data.rotate or settings.data.vertical_flip):
        raise MaskwrightError(
            f"Policy '{settings.mask.policy}' remembers places in the pictures, which turned or"
            " upside-down crops do not lead back to; leave out --rotate and --vertical-flip."
        )
    return _policy_build(policy, grid, settings)


def _policy_build(policy: Policy, grid: Grid, settings: PretrainSettings) -> PolicyBuild:
    """The policy with what the run must bring for it."""
    return PolicyBuild(
        policy=policy,
        grid=grid,
        map_names=map_names_of(policy.traits.needed("prior"), needs_of(settings.train.loss).priors),
        needs_keys="keys" in policy.traits.needs,
    )
