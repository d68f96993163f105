"""The objective: a weighted sum of terms; weights may follow schedules, every value is recorded."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from maskwright.losses.catalog import TERMS
from maskwright.losses.perceptual import LoadExtractor, PerceptualSettings, finish_perceptual
from maskwright.losses.term import Needs, Term
from maskwright.patches.pixels import PixelScale
from maskwright.patches.prediction import Prediction
from maskwright.schedules import Constant, Schedule, parse_schedule
from maskwright.support.catalog import build
from maskwright.support.errors import MaskwrightError
from maskwright.support.shorthand import Call, parse_sum

# When weights are checked: at both ends of a training and in between.
_MOMENTS = (0.0, 0.25, 0.5, 0.75, 1.0)


@dataclass(frozen=True)
class Summand:
    """A term and its weight over time.

    name: what it is logged by: the term's name, or with its options where the same term stands
        twice.
    """

    name: str
    term: Term
    weight: Schedule


@dataclass(frozen=True)
class ObjectiveValue:
    """What an objective says of one batch.

    total: the number to minimize.
    terms: each term's own value, unweighted and detached.
    weights: the present weights of those terms whose weight a schedule moves.
    """

    total: Tensor
    terms: dict[str, Tensor]
    weights: dict[str, float] = field(default_factory=dict)

    def columns(self, name: str) -> dict[str, Tensor]:
        """What is written down, detached: `NAME`, and `NAME_TERM` for each of several terms."""
        columns = {name: self.total.detach()}
        if len(self.terms) > 1:  # a single term is the total
            columns |= {f"{name}_{term}": value for term, value in self.terms.items()}
        return columns


@dataclass(frozen=True)
class Objective:
    """A weighted sum of terms."""

    summands: tuple[Summand, ...]

    def __post_init__(self) -> None:
        names = [summand.name for summand in self.summands]
        # values are logged by name, so two terms of one name would hide each other
        if len(set(names)) != len(names) or not names:
            raise MaskwrightError(
                "An objective needs different terms, at least one; got"
                f" {' + '.join(names) or 'none'}."
            )
        _check_weights(self.summands)

    @property
    def needs(self) -> Needs:
        """All that its terms need."""
        return Needs.joined(summand.term.needs for summand in self.summands)

    def __call__(
        self, prediction: Prediction, images: Tensor, progress: float = 0.0
    ) -> ObjectiveValue:
        """Evaluate every term; progress in [0, 1] moves scheduled weights."""
        values = {summand.name: summand.term(prediction, images) for summand in self.summands}
        weights = {summand.name: summand.weight.at(progress) for summand in self.summands}
        total = torch.stack([weights[name] * value for name, value in values.items()]).sum()
        # constant weights stand in the settings; only those that move are worth a column
        moving = {
            summand.name: weights[summand.name]
            for summand in self.summands
            if not isinstance(summand.weight, Constant)
        }
        terms = {name: value.detach() for name, value in values.items()}
        return ObjectiveValue(
            total=total,
            terms=terms,
            weights=moving,
        )


def _check_weights(summands: Sequence[Summand]) -> None:
    """Refuse weights that would reward an error, overflow, or leave nothing to minimize."""
    moments = {summand.name: _weights_over_time(summand.weight) for summand in summands}
    for name, values in moments.items():
        if not all(map(math.isfinite, values)) or min(values) < 0:
            raise MaskwrightError(
                f"The weight of loss '{name}' is a finite number of at least 0 at all times; got"
                f" {min(values):g}."
            )
    if not any(max(values) > 0 for values in moments.values()):
        sum_of_nothing = " + ".join(f"0*{name}" for name in moments)
        raise MaskwrightError(f"All weights are 0, so nothing is minimized: {sum_of_nothing}.")


def _weights_over_time(weight: Schedule) -> list[float]:
    """The weight at some moments, with the least and the largest random number at each."""
    return [weight.at(share, draw) for share in _MOMENTS for draw in (0.0, 1.0)]


def build_objective(
    value: str | Mapping[str, Any],
    scale: PixelScale | None = None,
    load_extractor: LoadExtractor | None = None,
) -> Objective:
    """Build an objective from a line of text or a mapping.

    >>> [summand.name for summand in build_objective("mse + 0->0.1*laplacian").summands]
    ['mse', 'laplacian']

    value: "mse", "0.6*mse + 0.4*l1", "1->0*mse + 0->1*l1" or {name: smooth_l1, beta: 0.5}.
    scale: how pixels become the model's numbers, for the perceptual term alone.
    load_extractor: what loads a frozen network (weights/extractors.py), for the perceptual term
        alone; this room may not read files.

    Raises MaskwrightError for unknown terms or options, with the nearest known one.
    """
    parts = parse_sum(value)
    names = [part.call.name for part in parts]
    summands = []
    for name, part in zip(names, parts, strict=True):
        summand = Summand(
            # the same term twice is named with its options
            name=name if names.count(name) == 1 else str(part.call),
            term=_build_term(part.call, scale, load_extractor),
            weight=parse_schedule(part.weight),
        )
        summands.append(summand)
    return Objective(tuple(summands))


def needs_of(value: str | Mapping[str, Any]) -> Needs:
    """What the terms of a line need, without loading the networks that they look through."""
    return Needs.joined(build("loss term", TERMS, part.call).needs for part in parse_sum(value))


def _build_term(call: Call, scale: PixelScale | None, load_extractor: LoadExtractor | None) -> Term:
    """The term of a call; settings of the perceptual one become a term with a loaded network."""
    built = build("loss term", TERMS, call)
    if isinstance(built, PerceptualSettings):
        return finish_perceptual(built, scale, load_extractor)
    return built
