"""Policies around another policy: leave a share to chance, swap or share out what is visible."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from maskwright.masking.policy import Policy, Scene, Traits, check_fits
from maskwright.masking.ranks import rank
from maskwright.patches.grid import Grid
from maskwright.schedules import parse_schedule
from maskwright.support.errors import MaskwrightError


@dataclass(frozen=True, kw_only=True)
class _WrappedPolicy:
    """One policy `of`, changed."""

    of: Policy

    def inner(self) -> tuple[Policy, ...]:
        return (self.of,)

    def with_inner(self, inner: Sequence[Policy]) -> Policy:
        return replace(self, of=inner[0])  # type: ignore[return-value]


@dataclass(frozen=True, kw_only=True)
class MixPolicy(_WrappedPolicy):
    """Let a policy choose a share of the masked patches, and chance the others.

    It is written as an option of any policy, guided(mix=0.5): the easy-to-hard dial of HPM (Wang et
    al. 2023).

    share: a number in [0, 1] or a schedule. At 0 the masks are random, at 1 the policy's own; in
        between floor(share * masked) patches are its choice.
    """

    share: Any = 1.0

    def __post_init__(self) -> None:
        share = parse_schedule(self.share)
        for progress in (0.0, 0.5, 1.0):
            if not 0 <= share.at(progress) <= 1:
                raise MaskwrightError(
                    "mix is the share of masked patches that the policy chooses, from 0 to 1; got"
                    f" {share}."
                )
        object.__setattr__(self, "share", share)

    @property
    def traits(self) -> Traits:
        # patches by chance break cells up
        return replace(self.of.traits, cell=None, usual_mix=None)

    def check_grid(self, grid: Grid, num_masked: int) -> None:
        check_fits(self.of, grid, num_masked)

    def score(self, scene: Scene) -> Tensor:
        # 1e-6: a share such as 0.29 of 100 patches is 28.999... in floating point
        share = self.share.at(scene.progress)
        num_chosen = math.floor(scene.num_masked * share + 1e-6)
        score = self.of.score(scene.forked("of")).float()
        score = scene.checked(score)

        # the highest ranks keep their order; all others are equal, and chance decides
        ranks = rank(score, scene.rng.fork("ties"))  # (B, N)
        lowest_chosen = 1 - (num_chosen + 0.5) / scene.grid.num_patches
        return torch.where(ranks >= lowest_chosen, ranks, -1.0)


@dataclass(frozen=True, kw_only=True)
class ComplementPolicy(_WrappedPolicy):
    """Swap visible and masked.

    What the policy `of` would mask first stays visible longest; what it would mask last comes
    first.

    Formula: score[i] = -(score of i under the policy `of`)
    Source: this package.

    of: the policy that is turned around.
    """

    @property
    def traits(self) -> Traits:
        return replace(self.of.traits, usual_mix=None)

    def check_grid(self, grid: Grid, num_masked: int) -> None:
        check_fits(self.of, grid, grid.num_patches - num_masked)

    def score(self, scene: Scene) -> Tensor:
        # inside, as many are masked as stay visible here
        num_visible = scene.grid.num_patches - scene.num_masked
        swapped = replace(scene, num_masked=num_visible)
        score = self.of.score(swapped)
        # -inf, never first, becomes always: a number that may be negated
        return -score.clamp(min=torch.finfo(score.dtype).min)


@dataclass(frozen=True, kw_only=True)
class TurnsPolicy(_WrappedPolicy):
    """Give each mask of a picture in one step visible patches of its own (as in DMJD).

    The masks of a picture (--masks-per-image) share one ranking by the policy `of`, and each takes
    the next stretch of it as visible, until every patch has been visible once. With one mask per
    picture, or where nothing numbers the masks, it is the policy `of` itself.

    Formula: mask m shows patches m * V to (m + 1) * V of one shared order
    Source: Ma et al. 2023 (DMJD).

    of: the policy that ranks the patches.
    """

    @property
    def traits(self) -> Traits:
        return replace(self.of.traits, nested=False, cell=None, usual_mix=None)

    def check_grid(self, grid: Grid, num_masked: int) -> None:
        check_fits(self.of, grid, num_masked)

    def score(self, scene: Scene) -> Tensor:
        # all masks of a picture draw from its own stream, so that they share one ranking
        shared = scene
        if scene.picture_rng is not None:
            shared = scene.with_rng(scene.picture_rng.fork("turns"))
        score = self.of.score(shared.forked("of")).float()
        score = scene.checked(score)
        ranks = rank(score, shared.rng.fork("ties"))  # (B, N), in [0, 1)
        if scene.mask_ids is None:
            return ranks

        # mask number m shows the m-th stretch of ranks, going round when they are used up
        count = scene.grid.num_patches
        num_visible = count - scene.num_masked
        begin = scene.mask_ids * num_visible / count  # (B,)
        turned = (ranks - begin[:, None] + 1e-6).remainder(1.0)
        is_visible = turned < (num_visible - 0.5) / count
        # Masked patches keep the order of the shared ranking: "first" means what the policy `of`
        # would mask first, in every turn.
        return torch.where(is_visible, turned - 1, ranks)
