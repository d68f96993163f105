"""Sums of policies: one of several picked per image, or the rankings of several added up."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import torch
from torch import Tensor

from maskwright.masking.policy import Policy, Scene, Traits, check_fits
from maskwright.masking.ranks import rank, without_order
from maskwright.patches.grid import Grid
from maskwright.schedules import Schedule, parse_schedule
from maskwright.support.errors import MaskwrightError
from maskwright.support.on_device import numbers_on


@dataclass(frozen=True, kw_only=True)
class _SumOfPolicies:
    """Two or more policies with a weight each.

    parts: the policies.
    weights: numbers or schedules ("0->1"); equal weights when left out.
    """

    kind: ClassVar[str]
    parts: Sequence[Policy]
    weights: Sequence[Any] = ()

    def __post_init__(self) -> None:
        parts = _read_parts(self.kind, self.parts)
        weights = _read_weights(self.kind, parts, self.weights)
        object.__setattr__(self, "parts", parts)
        object.__setattr__(self, "weights", weights)

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
    """Pick one of several policies for each image, with chances in proportion to the weights.

    Weights may be schedules, so that one policy gives way to another during the training.

    Formula: score = score of policy k, k drawn with chance w[k] / sum(w)
    Source: this package.
    """

    kind: ClassVar[str] = "mixture"

    def score(self, scene: Scene) -> Tensor:
        # (B,) the part of each image: where a uniform number falls between the summed shares
        shares = _shares(self.weights, scene.progress)
        ends = numbers_on(scene.device, shares).cumsum(0)
        chance = scene.rng.fork("pick").uniform()
        # without the last end, which rounding may leave below 1
        picked = torch.searchsorted(ends[:-1], chance, right=True)

        # every part scores every image, so that no image's chance depends on what others picked
        scored = self._score_ordered(scene)
        scores = torch.stack(scored, dim=1)  # (B, parts, N)
        index = picked[:, None, None].expand(-1, 1, scores.shape[2])
        of_picked = scores.gather(1, index)  # (B, 1, N)
        return of_picked[:, 0]

    def _score_ordered(self, scene: Scene) -> list[Tensor]:
        """(B, N) scores of each part, in an order that means the same for all of them."""
        scored = _score_parts(self.parts, scene)
        if self.traits.predicts != "first":
            return scored
        # The split of a batch knows one way to choose predicted patches, so parts that want
        # another get no order to go by.
        ordered = []
        for index, part in enumerate(self.parts):
            score = scored[index]
            if part.traits.predicts != "first":
                rng = scene.rng.fork(f"order {index}")
                score = without_order(score, scene.num_masked, rng)
            ordered.append(score)
        return ordered


@dataclass(frozen=True, kw_only=True)
class BlendPolicy(_SumOfPolicies):
    """Add up the rankings of several policies, so that every image follows all of them a little.

    Ranks times weights, not scores, are added, because policies score on scales of their own. Equal
    scores are ranked by chance.

    Formula: score[i] = sum over k of w[k] / sum(w) * rank of i under policy k
    Source: this package.
    """

    kind: ClassVar[str] = "blend"

    def score(self, scene: Scene) -> Tensor:
        shares = _shares(self.weights, scene.progress)
        scored = _score_parts(self.parts, scene)
        weighted = []
        for index, score in enumerate(scored):
            ties = scene.rng.fork(f"ties {index}")
            ranks = rank(score, ties)  # (B, N)
            weighted.append(shares[index] * ranks)
        together = torch.stack(weighted)  # (parts, B, N)
        return together.sum(0)


def _read_parts(owner: str, parts: Any) -> tuple[Policy, ...]:
    """Two or more policies; raises MaskwrightError for anything else."""
    is_list = isinstance(parts, (list, tuple)) and len(parts) >= 2
    if not is_list or not all(isinstance(part, Policy) for part in parts):
        raise MaskwrightError(
            f"Policy '{owner}' needs two or more policies, as in {owner}(0.5*random + 0.5*block);"
            f" got {parts}."
        )
    return tuple(parts)


def _read_weights(
    owner: str, parts: Sequence[Policy], weights: Sequence[Any]
) -> tuple[Schedule, ...]:
    """One schedule per part; raises MaskwrightError for another number or a negative weight."""
    weights = weights or [1.0] * len(parts)
    schedules = tuple(parse_schedule(weight) for weight in weights)
    if len(schedules) != len(parts):
        raise MaskwrightError(
            f"Policy '{owner}' needs one weight per part; got {len(schedules)} weights for"
            f" {len(parts)} parts."
        )
    # `_shares` raises, and better now than in the middle of a training
    for progress in (0.0, 0.5, 1.0):
        _shares(schedules, progress)
    return schedules


def _shares(weights: Sequence[Schedule], progress: float) -> list[float]:
    """Weights at this progress, made to sum to 1."""
    now = [weight.at(progress) for weight in weights]
    total = sum(now)
    if min(now) < 0 or total <= 0:
        raise MaskwrightError(
            f"Weights of policies must not be negative nor all zero; at progress {progress:g} they"
            f" are {now}."
        )
    return [weight / total for weight in now]


def _score_parts(parts: Sequence[Policy], scene: Scene) -> list[Tensor]:
    """(B, N) scores of each part, each with chance of its own."""
    scored = []
    for index, part in enumerate(parts):
        scene_of_part = scene.forked(f"part {index}")
        score = part.score(scene_of_part).float()
        scored.append(scene.checked(score))
    return scored


def _join_traits(parts: Sequence[Policy]) -> Traits:
    """What a sum can promise: only what all of its parts do, and it needs what any of them does."""
    every = [part.traits for part in parts]
    is_first = any(traits.predicts == "first" for traits in every)
    needs: frozenset[str] = frozenset().union(*(traits.needs for traits in every))
    return Traits(
        uniform=all(traits.uniform for traits in every),
        nested=all(traits.nested for traits in every),
        predicts="first" if is_first else "random",
        needs=needs,
    )
