"""Policies made of policies: pick one per image, blend their rankings, or swap visible and masked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import reduce
from typing import Any

import torch
from torch import Tensor

from maskwright.masking.policy import Policy, Scene, Traits, check_fits
from maskwright.patches.grid import Grid
from maskwright.schedules import Schedule, parse_schedule
from maskwright.support.errors import MaskwrightError


@dataclass(frozen=True, kw_only=True)
class MixturePolicy:
    """Pick one of several policies for each image, with chances in proportion to the weights.

    weights: a number or a schedule ("0->1") per part; equal when left out.
    """

    parts: Sequence[Policy]
    weights: Sequence[Any] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "parts", _read_parts("mixture", self.parts))
        object.__setattr__(self, "weights", _read_weights("mixture", self.parts, self.weights))

    @property
    def traits(self) -> Traits:
        return _join_traits(self.parts)

    def check_grid(self, grid: Grid, num_masked: int) -> None:
        for part in self.parts:
            check_fits(part, grid, num_masked)

    def score(self, scene: Scene) -> Tensor:
        shares = torch.tensor(_shares(self.weights, scene.progress), device=scene.device)
        picked = torch.searchsorted(shares.cumsum(0)[:-1], scene.rng.fork("pick").uniform(), right=True)
        scores = torch.stack(_score_parts(self.parts, scene), dim=1)
        return scores.gather(1, picked[:, None, None].expand(-1, 1, scores.shape[2]))[:, 0]


@dataclass(frozen=True, kw_only=True)
class BlendPolicy:
    """Add up the rankings of several policies, each patch's rank times the weight, so that every image follows all of them a little.

    Ranks, not scores, are added, because policies score on scales of their own; equal scores are ranked by chance.
    weights: a number or a schedule ("0->1") per part; equal when left out.
    """

    parts: Sequence[Policy]
    weights: Sequence[Any] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "parts", _read_parts("blend", self.parts))
        object.__setattr__(self, "weights", _read_weights("blend", self.parts, self.weights))

    @property
    def traits(self) -> Traits:
        return _join_traits(self.parts)

    def check_grid(self, grid: Grid, num_masked: int) -> None:
        for part in self.parts:
            check_fits(part, grid, num_masked)

    def score(self, scene: Scene) -> Tensor:
        shares = _shares(self.weights, scene.progress)
        ranks = [_rank(score, scene, f"ties {place}") for place, score in enumerate(_score_parts(self.parts, scene))]
        return torch.stack([share * rank for share, rank in zip(shares, ranks, strict=True)]).sum(0)


@dataclass(frozen=True, kw_only=True)
class ComplementPolicy:
    """Swap visible and masked: what the policy `of` would mask first stays visible longest."""

    of: Policy

    @property
    def traits(self) -> Traits:
        return self.of.traits

    def check_grid(self, grid: Grid, num_masked: int) -> None:
        check_fits(self.of, grid, grid.num_patches - num_masked)

    def score(self, scene: Scene) -> Tensor:
        return -self.of.score(replace(scene, num_masked=scene.grid.num_patches - scene.num_masked))


def _read_parts(owner: str, parts: Any) -> tuple[Policy, ...]:
    if not isinstance(parts, (list, tuple)) or len(parts) < 2 or not all(isinstance(part, Policy) for part in parts):
        raise MaskwrightError(f"Policy '{owner}' needs two or more policies, as in {owner}(0.5*random + 0.5*block); got {parts}.")
    return tuple(parts)


def _read_weights(owner: str, parts: Sequence[Policy], weights: Sequence[Any]) -> tuple[Schedule, ...]:
    read = tuple(parse_schedule(weight) for weight in weights or [1.0] * len(parts))
    if len(read) != len(parts):
        raise MaskwrightError(f"Policy '{owner}' needs one weight per part; got {len(read)} weights for {len(parts)} parts.")
    for progress in (0.0, 0.5, 1.0):
        _shares(read, progress)
    return read


def _shares(weights: Sequence[Schedule], progress: float) -> list[float]:
    """Weights at this progress, made to sum to 1."""
    now = [weight.at(progress) for weight in weights]
    if min(now) < 0 or sum(now) <= 0:
        raise MaskwrightError(f"Weights of policies must not be negative nor all zero; at progress {progress:g} they are {now}.")
    return [weight / sum(now) for weight in now]


def _score_parts(parts: Sequence[Policy], scene: Scene) -> list[Tensor]:
    return [part.score(scene.forked(f"part {place}")).float() for place, part in enumerate(parts)]


def _rank(score: Tensor, scene: Scene, name: str) -> Tensor:
    """(B, N) ranks in [0, 1), the largest score highest, equal scores in random order."""
    count = score.shape[1]
    shuffled = scene.rng.fork(name).bits(count).argsort(1)
    order = shuffled.gather(1, score.gather(1, shuffled).argsort(dim=1, stable=True))
    ladder = torch.arange(count, device=score.device, dtype=torch.float32) / count
    return torch.empty_like(score).scatter_(1, order, ladder.expand_as(score))


def _join_traits(parts: Sequence[Policy]) -> Traits:
    every = [part.traits for part in parts]
    needs: frozenset[str] = reduce(frozenset.union, (one.needs for one in every), frozenset())
    return Traits(uniform=all(one.uniform for one in every), nested=all(one.nested for one in every), needs=needs)
