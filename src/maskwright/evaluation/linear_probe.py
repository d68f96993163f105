"""Linear probe: a logistic regression on frozen, standardized features, tuned on a held-out part of
train and on nothing else.
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, replace
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from maskwright.data.store.splits import hold_out_of_each_class
from maskwright.evaluation.answers import Answers, judge_answers
from maskwright.evaluation.features import POOLINGS, Features, Labeled
from maskwright.evaluation.logistic import LogisticModels, fit_logistic
from maskwright.evaluation.standardize import Standardizer
from maskwright.support.checks import check_at_least
from maskwright.support.errors import MaskwrightError, unknown_name
from maskwright.support.seeding import derive_seed

_HALF_DECADES = tuple(float(f"{10 ** (power / 2):.1e}") for power in range(-12, 1))
_UNTUNED_PENALTY = 1e-2
_FEW_PENALTIES = 5


@dataclass(frozen=True, kw_only=True)
class LinearProbeSettings:
    """How a linear probe is fitted and tuned.

    pooling: `choose` among what the encoder offers, or fix `cls`, `mean` or `both` (side by side),
        as a comparison of policies should.
    penalties: coefficients of half the squared weights beside the mean cross-entropy.
    held_out: share of each train class kept for tuning.
    iterations: of L-BFGS.
    choose_on: with more train images than this, pooling and the neighborhood of the penalty are
        chosen on so many.
    """

    pooling: str = "choose"
    penalties: tuple[float, ...] = _HALF_DECADES
    held_out: float = 0.2
    iterations: int = 60
    choose_on: int = 10_000

    def __post_init__(self) -> None:
        if self.pooling not in ("choose", *POOLINGS):
            raise unknown_name("pooling", self.pooling, ("choose", *POOLINGS))
        if not self.penalties or min(self.penalties) <= 0:
            raise MaskwrightError(
                f"A linear probe needs at least one penalty, all above 0; got {self.penalties}."
            )
        if not 0 < self.held_out < 1:
            raise MaskwrightError(
                f"held_out is a share of train between 0 and 1; got {self.held_out:g}."
            )
        check_at_least("choose_on", self.choose_on, 100)


@dataclass(frozen=True)
class Attempt:
    """One pooling and penalty tried on the held-out part of train: the share right there, and the
    mean cross-entropy that breaks ties.

    num_fit: the images it was fitted on.
    """

    pooling: str
    penalty: float
    accuracy: float
    cross_entropy: float
    num_fit: int


@dataclass(frozen=True)
class LinearProbeResult:
    """The answers on the test images, the choice that was made without them, and all that was
    tried.
    """

    answers: Answers
    pooling: str
    penalty: float
    attempts: tuple[Attempt, ...]
    settings: LinearProbeSettings
    num_train: int
    notes: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        protocol = {
            **asdict(self.settings),
            "standardize": "train statistics",
            "chosen_on": "held-out train",
            "refit_on": "all of train",
        }
        return {
            "probe": "linear",
            **self.answers.to_dict(),
            "num_train": self.num_train,
            "pooling": self.pooling,
            "penalty": self.penalty,
            "attempts": [asdict(attempt) for attempt in self.attempts],
            "protocol": protocol,
            "notes": list(self.notes),
        }


def begin_probe(train: Features, settings: LinearProbeSettings) -> tuple[tuple[str, ...], Tensor]:
    """The poolings to choose from and the labels of train; raises MaskwrightError with fewer than
    two classes.
    """
    poolings = train.poolings if settings.pooling == "choose" else (settings.pooling,)
    labels = train.labeled(poolings[0]).labels
    if len(labels.unique()) < 2:
        raise MaskwrightError(
            f"A linear probe needs at least two classes in train; got {len(labels.unique())}."
        )
    return poolings, labels


def measure_linear_probe(
    train: Features, test: Features, settings: LinearProbeSettings | None = None, *, seed: int = 0
) -> LinearProbeResult:
    """Choose pooling and penalty on a held-out part of train, refit on all of train, and answer the
    test images once.

    Labels may be any integers; a test label that train lacks counts as wrong. Raises
    MaskwrightError without labels or with one class.
    """
    settings = settings or LinearProbeSettings()
    poolings, labels = begin_probe(train, settings)
    attempts = tune(train, poolings, settings, seed)
    best = (
        best_attempt(attempts)
        if attempts
        else Attempt(poolings[0], _UNTUNED_PENALTY, float("nan"), float("nan"), 0)
    )
    probe = fit_probe(train.labeled(best.pooling), (best.penalty,), settings.iterations)
    asked = test.labeled(best.pooling)
    answers = judge_answers(probe.scores(asked.values)[0], probe.labels, asked.labels, labels, seed)
    return LinearProbeResult(
        answers,
        best.pooling,
        best.penalty,
        attempts,
        settings,
        len(labels),
        _notes(best, attempts, settings),
    )


def tune(
    train: Features, poolings: tuple[str, ...], settings: LinearProbeSettings, seed: int
) -> tuple[Attempt, ...]:
    """Try every pooling and penalty; with many images, all roughly on some first, then the best
    pooling near its best penalty on all.

    The best penalty of a mean loss falls about as 1 / images, so the penalties tried on all lie
    around the best one times some / all.
    """
    labels = train.labeled(poolings[0]).labels
    if (
        len(labels) <= settings.choose_on
        or len(poolings) * len(settings.penalties) <= _FEW_PENALTIES
    ):
        return try_settings(train, poolings, settings, seed)
    some = hold_out_of_each_class(
        labels, settings.choose_on / len(labels), derive_seed(seed, "choose on")
    )
    first = try_settings(
        _take(train, some),
        poolings,
        replace(settings, iterations=max(1, settings.iterations // 2)),
        seed,
    )
    if not first:
        return first
    best = best_attempt(first)
    aim = best.penalty * int(some.sum()) / len(labels)
    near = sorted(settings.penalties, key=lambda penalty: abs(math.log(penalty / aim)))[
        :_FEW_PENALTIES
    ]
    return first + try_settings(
        train, (best.pooling,), replace(settings, penalties=tuple(sorted(near))), seed
    )


def _take(features: Features, some: Tensor) -> Features:
    assert features.labels is not None
    return Features(
        None if features.cls is None else features.cls[some],
        features.mean[some],
        features.labels[some],
    )


def try_settings(
    train: Features, poolings: tuple[str, ...], settings: LinearProbeSettings, seed: int
) -> tuple[Attempt, ...]:
    """Fit every pooling and penalty on one part of train and measure it on the rest; nothing when
    nothing can be held out.
    """
    attempts: list[Attempt] = []
    for pooling in poolings:
        images = train.labeled(pooling)
        held = hold_out_of_each_class(images.labels, settings.held_out, seed)
        if held.any():
            fitted = fit_probe(images.take(~held), settings.penalties, settings.iterations)
            attempts += _measure_attempts(
                fitted, images.take(held), pooling, settings.penalties, int((~held).sum())
            )
    return tuple(attempts)


@dataclass(frozen=True)
class FittedProbe:
    """Linear classifiers, one per penalty, with the standardization they were fitted behind; labels
    (K,) name their columns.
    """

    standardizer: Standardizer
    models: LogisticModels
    labels: Tensor

    def scores(self, values: Tensor) -> Tensor:
        """Class scores (L, n, K) of unstandardized (n, D) features."""
        return self.models.scores(self.standardizer.apply(values))


def fit_probe(train: Labeled, penalties: tuple[float, ...], iterations: int = 60) -> FittedProbe:
    """Standardize by the statistics of these images and fit one classifier per penalty."""
    labels, classes = train.labels.unique(return_inverse=True)
    standardizer = Standardizer.fit(train.values)
    models = fit_logistic(
        standardizer.apply(train.values), classes, len(labels), penalties, iterations
    )
    return FittedProbe(standardizer, models, labels)


def _measure_attempts(
    fitted: FittedProbe, held: Labeled, pooling: str, penalties: tuple[float, ...], num_fit: int
) -> list[Attempt]:
    truth = torch.searchsorted(fitted.labels, held.labels)
    scores = fitted.scores(held.values)
    rights = (scores.argmax(2) == truth).double().mean(1).tolist()
    entropies = [F.cross_entropy(one.double(), truth).item() for one in scores]
    return [
        Attempt(pooling, *measured, num_fit)
        for measured in zip(penalties, rights, entropies, strict=True)
    ]


def best_attempt(attempts: tuple[Attempt, ...]) -> Attempt:
    """The attempt with the best accuracy of those fitted on the most images; the smaller
    cross-entropy breaks ties.
    """
    most = max(attempt.num_fit for attempt in attempts)
    return max(
        (one for one in attempts if one.num_fit == most),
        key=lambda one: (one.accuracy, -one.cross_entropy),
    )


def _notes(
    best: Attempt, attempts: tuple[Attempt, ...], settings: LinearProbeSettings
) -> tuple[str, ...]:
    if not attempts:
        return (
            (
                f"Every class has one train image, so nothing was tuned: pooling {best.pooling},"
                f" penalty {best.penalty:g}."
            ),
        )
    ends = {min(settings.penalties): "smallest", max(settings.penalties): "largest"}
    if len(ends) == 2 and best.penalty in ends:
        return (
            (
                f"The best penalty, {best.penalty:g}, is the {ends[best.penalty]} tried; a wider"
                " range may do better."
            ),
        )
    return ()
