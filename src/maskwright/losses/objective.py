"""The objective: a weighted sum of terms whose weights may follow schedules, with every term's own
value on record.
"""

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

_MOMENTS = (0.0, 0.25, 0.5, 0.75, 1.0)


@dataclass(frozen=True)
class Summand:
    """A term under the name it is logged by (its own, or with its options where the same term
    stands twice), and its weight over time.
    """

    name: str
    term: Term
    weight: Schedule


@dataclass(frozen=True)
class ObjectiveValue:
    """total: the number to minimize; terms: each term's own value, unweighted and detached;
    weights: those a schedule moves, at present.
    """

    total: Tensor
    terms: dict[str, Tensor]
    weights: dict[str, float] = field(default_factory=dict)

    def columns(self, name: str) -> dict[str, Tensor]:
        """What is written down: `NAME` for the total and, of several terms, `NAME_TERM` for each;
        detached.
        """
        terms = self.terms if len(self.terms) > 1 else {}
        return {name: self.total.detach()} | {
            f"{name}_{term}": value for term, value in terms.items()
        }


@dataclass(frozen=True)
class Objective:
    """A weighted sum of terms."""

    summands: tuple[Summand, ...]

    def __post_init__(self) -> None:
        names = [summand.name for summand in self.summands]
        if len(set(names)) != len(names) or not names:
            raise MaskwrightError(
                "An objective needs different terms, at least one; got"
                f" {' + '.join(names) or 'none'}."
            )
        _check_weights(self.summands)

    @property
    def needs(self) -> Needs:
        """All that its terms ask for."""
        return Needs.joined(summand.term.needs for summand in self.summands)

    def __call__(
        self, prediction: Prediction, images: Tensor, progress: float = 0.0
    ) -> ObjectiveValue:
        """Evaluate every term; progress in [0, 1] moves scheduled weights."""
        values = {summand.name: summand.term(prediction, images) for summand in self.summands}
        weights = {summand.name: summand.weight.at(progress) for summand in self.summands}
        total = torch.stack([weights[name] * value for name, value in values.items()]).sum()
        moving = {
            summand.name: weights[summand.name]
            for summand in self.summands
            if not isinstance(summand.weight, Constant)
        }
        return ObjectiveValue(
            total, {name: value.detach() for name, value in values.items()}, moving
        )


def _check_weights(summands: Sequence[Summand]) -> None:
    """Refuse weights that would reward an error, overflow, or leave nothing to minimize."""
    moments = {
        one.name: [one.weight.at(share, draw) for share in _MOMENTS for draw in (0.0, 1.0)]
        for one in summands
    }
    for name, values in moments.items():
        if not all(map(math.isfinite, values)) or min(values) < 0:
            raise MaskwrightError(
                f"The weight of loss '{name}' is a finite number of at least 0 at all times; got"
                f" {min(values):g}."
            )
    if not any(max(values) > 0 for values in moments.values()):
        raise MaskwrightError(
            "All weights are 0, so nothing is minimized:"
            f" {' + '.join(f'0*{name}' for name in moments)}."
        )


def build_objective(
    value: str | Mapping[str, Any],
    scale: PixelScale | None = None,
    load_extractor: LoadExtractor | None = None,
) -> Objective:
    """Build from "mse", "0.6*mse + 0.4*l1", "1->0*mse + 0->1*l1" or {name: smooth_l1,
    beta: 0.5}.

    scale and load_extractor: how pixels become the model's numbers and what loads a frozen network
    (weights/extractors.py); only the perceptual term asks for them, and this room may not read
    files. Raises MaskwrightError for unknown terms or options, with the nearest known one.
    """
    parts = parse_sum(value)
    names = [part.call.name for part in parts]
    return Objective(
        tuple(
            Summand(
                name if names.count(name) == 1 else str(part.call),
                _build_term(part.call, scale, load_extractor),
                parse_schedule(part.weight),
            )
            for name, part in zip(names, parts, strict=True)
        )
    )


def needs_of(value: str | Mapping[str, Any]) -> Needs:
    """What the terms of a line ask for, without loading the networks that they look through."""
    return Needs.joined(build("loss term", TERMS, part.call).needs for part in parse_sum(value))


def _build_term(call: Call, scale: PixelScale | None, load_extractor: LoadExtractor | None) -> Term:
    built = build("loss term", TERMS, call)
    return (
        finish_perceptual(built, scale, load_extractor)
        if isinstance(built, PerceptualSettings)
        else built
    )
