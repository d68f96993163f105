"""The objective: a weighted sum of terms whose weights may follow schedules, with every term's own value on record."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch import Tensor

from maskwright.losses.catalog import TERMS
from maskwright.patches.prediction import Prediction
from maskwright.schedules import Schedule, parse_schedule
from maskwright.support.catalog import build
from maskwright.support.errors import MaskwrightError
from maskwright.support.shorthand import parse_sum


class Term(Protocol):
    """One summand: a prediction and the images (B, C, H, W) it came from give one number."""

    def __call__(self, prediction: Prediction, images: Tensor) -> Tensor: ...


@dataclass(frozen=True)
class Summand:
    """A term under the name it is logged by, and its weight at each progress."""

    name: str
    term: Term
    weight: Schedule


@dataclass(frozen=True)
class ObjectiveValue:
    """total: the number to minimize; terms: each term's own value, unweighted and detached, for the log."""

    total: Tensor
    terms: dict[str, Tensor]


@dataclass(frozen=True)
class Objective:
    """A weighted sum of terms."""

    summands: tuple[Summand, ...]

    def __post_init__(self) -> None:
        names = [summand.name for summand in self.summands]
        if len(set(names)) != len(names) or not names:
            raise MaskwrightError(f"An objective needs different terms, at least one; got {' + '.join(names) or 'none'}.")

    def __call__(self, prediction: Prediction, images: Tensor, progress: float = 0.0) -> ObjectiveValue:
        """Evaluate every term; progress in [0, 1] moves scheduled weights."""
        values = {summand.name: summand.term(prediction, images) for summand in self.summands}
        total = torch.stack([summand.weight.at(progress) * values[summand.name] for summand in self.summands]).sum()
        return ObjectiveValue(total, {name: value.detach() for name, value in values.items()})


def build_objective(value: str | Mapping[str, Any]) -> Objective:
    """Build from "mse", "0.6*mse + 0.4*l1", "1->0*mse + 0->1*l1" or {name: smooth_l1, beta: 0.5}.

    Raises MaskwrightError for unknown terms or options, with the nearest known one.
    """
    return Objective(
        tuple(Summand(str(part.call), build("loss term", TERMS, part.call), parse_schedule(part.weight)) for part in parse_sum(value))
    )
