"""Policies made of policies: pick one per image, blend their rankings, leave a share to chance,
swap or share out what is visible.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import reduce
from typing import Any, ClassVar

import torch
from torch import Tensor

from maskwright.masking.policy import Policy, Scene, Traits, check_fits
from maskwright.masking.ranks import rank, without_order
from maskwright.patches.grid import Grid
from maskwright.schedules import Schedule, parse_schedule
from maskwright.support.errors import MaskwrightError


@dataclass(frozen=True, kw_only=True)
class _SumOfPolicies:
    """Two or more policies with a weight each: a number or a schedule ("0->1"); equal weights when
    left out.
    """

    kind: ClassVar[str]
    parts: Sequence[Policy]
    weights: Sequence[Any] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "parts", _read_parts(self.kind, self.parts))
        object.__setattr__(self, "weights", _read_weights(self.kind, self.parts, self.weights))

    @property
    def traits(self) -> Traits:
        return _join_traits(self.parts)

    def check_grid(self, grid: Grid, num_masked: int) -> None:
        for part in self.parts:
            check_fits(part, grid, num_masked)

    def inner(self) -> tuple[Policy, ...]:
        return tuple(self.parts)

    def with_inner(self, inner: Sequence[Policy]) -> Policy:
        return replace(self, parts=tuple(inner))  # type: ignore[return-value]


@dataclass(frozen=True, kw_only=True)
class MixturePolicy(_SumOfPolicies):
    """Pick one of several policies for each image, with chances in proportion to the weights."""

    kind: ClassVar[str] = "mixture"

    def score(self, scene: Scene) -> Tensor:
        shares = torch.tensor(_shares(self.weights, scene.progress), device=scene.device)
        picked = torch.searchsorted(
            shares.cumsum(0)[:-1], scene.rng.fork("pick").uniform(), right=True
        )
        scored = _score_parts(self.parts, scene)
        if self.traits.predicts == "first":
            # The split of a batch knows one way to choose predicted patches, so parts that want
            # another get no order to go by.
            scored = [
                (
                    score
                    if part.traits.predicts == "first"
                    else without_order(score, scene.num_masked, scene.rng.fork(f"order {place}"))
                )
                for place, (part, score) in enumerate(zip(self.parts, scored, strict=True))
            ]
        scores = torch.stack(scored, dim=1)
        return scores.gather(1, picked[:, None, None].expand(-1, 1, scores.shape[2]))[:, 0]


@dataclass(frozen=True, kw_only=True)
class BlendPolicy(_SumOfPolicies):
    """Add up the rankings of several policies, each patch's rank times the weight, so that every
    image follows all of them a little.

    Ranks, not scores, are added, because policies score on scales of their own; equal scores are
    ranked by chance.
    """

    kind: ClassVar[str] = "blend"

    def score(self, scene: Scene) -> Tensor:
        shares = _shares(self.weights, scene.progress)
        ranks = [
            rank(score, scene.rng.fork(f"ties {place}"))
            for place, score in enumerate(_score_parts(self.parts, scene))
        ]
        return torch.stack([share * one for share, one in zip(shares, ranks, strict=True)]).sum(0)


@dataclass(frozen=True, kw_only=True)
class _ChangeOfPolicy:
    """One policy `of`, changed."""

    of: Policy

    def inner(self) -> tuple[Policy, ...]:
        return (self.of,)

    def with_inner(self, inner: Sequence[Policy]) -> Policy:
        return replace(self, of=inner[0])  # type: ignore[return-value]


@dataclass(frozen=True, kw_only=True)
class MixPolicy(_ChangeOfPolicy):
    """Let a policy choose a share of the masked patches and chance the others; written as an option
    of any policy, guided(mix=0.5).

    share: a number in [0, 1] or a schedule; at 0 the masks are random, at 1 the policy's own, and
        floor(share * masked) patches are its choice in between (the easy-to-hard dial of HPM, Wang
        et al. 2023).
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
        return replace(self.of.traits, cell=None)

    def check_grid(self, grid: Grid, num_masked: int) -> None:
        check_fits(self.of, grid, num_masked)

    def score(self, scene: Scene) -> Tensor:
        chosen = math.floor(scene.num_masked * self.share.at(scene.progress) + 1e-6)
        score = scene.checked(self.of.score(scene.forked("of")).float())
        ranks = rank(score, scene.rng.fork("ties"))
        return torch.where(ranks >= 1 - (chosen + 0.5) / scene.grid.num_patches, ranks, -1.0)


@dataclass(frozen=True, kw_only=True)
class ComplementPolicy(_ChangeOfPolicy):
    """Swap visible and masked: what the policy `of` would mask first stays visible longest, and
    what it would mask last comes first.
    """

    @property
    def traits(self) -> Traits:
        return self.of.traits

    def check_grid(self, grid: Grid, num_masked: int) -> None:
        check_fits(self.of, grid, grid.num_patches - num_masked)

    def score(self, scene: Scene) -> Tensor:
        score = self.of.score(replace(scene, num_masked=scene.grid.num_patches - scene.num_masked))
        return -score.clamp(min=torch.finfo(score.dtype).min)  # -inf, never first, becomes always


@dataclass(frozen=True, kw_only=True)
class TurnsPolicy(_ChangeOfPolicy):
    """Give each mask of a picture in one step visible patches of its own, until every patch has
    been visible once (as in DMJD).

    The masks of a picture (--masks-per-image) share one ranking by the policy `of`, and each takes
    the next stretch of it as visible. With one mask per picture, or where nothing numbers the
    masks, it is the policy `of` itself.
    """

    @property
    def traits(self) -> Traits:
        return replace(self.of.traits, nested=False, cell=None)

    def check_grid(self, grid: Grid, num_masked: int) -> None:
        check_fits(self.of, grid, num_masked)

    def score(self, scene: Scene) -> Tensor:
        shared = (
            scene if scene.picture_rng is None else scene.with_rng(scene.picture_rng.fork("turns"))
        )
        score = scene.checked(self.of.score(shared.forked("of")).float())
        ranks = rank(score, shared.rng.fork("ties"))
        if scene.mask_ids is None:
            return ranks
        count = scene.grid.num_patches
        num_visible = count - scene.num_masked
        moved = scene.mask_ids * num_visible / count
        turned = (ranks - moved[:, None] + 1e-6).remainder(1.0)
        # Masked patches keep the order of the shared ranking: "first" means what the policy `of`
        # would mask first, in every turn.
        return torch.where(turned < (num_visible - 0.5) / count, turned - 1, ranks)


def _read_parts(owner: str, parts: Any) -> tuple[Policy, ...]:
    if (
        not isinstance(parts, (list, tuple))
        or len(parts) < 2
        or not all(isinstance(part, Policy) for part in parts)
    ):
        raise MaskwrightError(
            f"Policy '{owner}' needs two or more policies, as in {owner}(0.5*random + 0.5*block);"
            f" got {parts}."
        )
    return tuple(parts)


def _read_weights(
    owner: str, parts: Sequence[Policy], weights: Sequence[Any]
) -> tuple[Schedule, ...]:
    read = tuple(parse_schedule(weight) for weight in weights or [1.0] * len(parts))
    if len(read) != len(parts):
        raise MaskwrightError(
            f"Policy '{owner}' needs one weight per part; got {len(read)} weights for {len(parts)}"
            " parts."
        )
    for progress in (0.0, 0.5, 1.0):
        _shares(read, progress)
    return read


def _shares(weights: Sequence[Schedule], progress: float) -> list[float]:
    """Weights at this progress, made to sum to 1."""
    now = [weight.at(progress) for weight in weights]
    if min(now) < 0 or sum(now) <= 0:
        raise MaskwrightError(
            f"Weights of policies must not be negative nor all zero; at progress {progress:g} they"
            f" are {now}."
        )
    return [weight / sum(now) for weight in now]


def _score_parts(parts: Sequence[Policy], scene: Scene) -> list[Tensor]:
    return [
        scene.checked(part.score(scene.forked(f"part {place}")).float())
        for place, part in enumerate(parts)
    ]


def _join_traits(parts: Sequence[Policy]) -> Traits:
    every = [part.traits for part in parts]
    needs: frozenset[str] = reduce(frozenset.union, (one.needs for one in every), frozenset())
    return Traits(
        uniform=all(one.uniform for one in every),
        nested=all(one.nested for one in every),
        predicts="first" if any(one.predicts == "first" for one in every) else "random",
        needs=needs,
    )
