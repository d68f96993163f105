"""Linear probe: a logistic regression on frozen, standardized features, tuned on held-out train."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from torch import Tensor

from maskwright.evaluation.answers import Answers, judge_answers
from maskwright.evaluation.features import Features
from maskwright.evaluation.linear_fit import (
    Attempt,
    FittedProbe,
    LinearProbeSettings,
    begin_probe,
    best_attempt,
    fit_probe,
    tune,
)

# For a class with one image nothing can be held out; this penalty is rarely far off.
UNTUNED_PENALTY = 1e-2


@dataclass(frozen=True)
class LinearProbeResult:
    """The answers on the test images, and the choice that was made without them.

    answers: on the test images.
    pooling: the one chosen.
    penalty: the one chosen.
    attempts: all that was tried on held-out train.
    settings: what could be tried.
    num_train: images that it was refitted on.
    notes: what a reader should know before trusting them.
    """

    answers: Answers
    pooling: str
    penalty: float
    attempts: tuple[Attempt, ...]
    settings: LinearProbeSettings
    num_train: int
    notes: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Everything, ready for JSON."""
        protocol = {
            **asdict(self.settings),
            "standardize": "train statistics",
            "chosen_on": "held-out train",
            "refit_on": "all of train",
        }
        # Everything that was decided, and on which pictures, so that a result explains itself.
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


@dataclass(frozen=True)
class TunedProbe:
    """A probe fitted on all train images with what was best on a held-out part of them.

    probe: a classifier with one penalty.
    best: what was chosen.
    attempts: all that was tried.
    num_train: images that it was refitted on.
    """

    probe: FittedProbe
    best: Attempt
    attempts: tuple[Attempt, ...]
    num_train: int

    def scores(self, images: Features) -> Tensor:
        """Class scores (n, K) in the order of `probe.labels`."""
        return self.probe.scores(images.pooled(self.best.pooling))[0]


def tune_and_fit(train: Features, settings: LinearProbeSettings, seed: int) -> TunedProbe:
    """Choose pooling and penalty on held-out train, and refit on all of it.

    Raises MaskwrightError without labels or with one class.
    """
    poolings, labels = begin_probe(train, settings)
    attempts = tune(train, poolings, settings, seed)
    if attempts:
        best = best_attempt(attempts, settings.choose_by)
    else:
        best = Attempt(poolings[0], UNTUNED_PENALTY, float("nan"), float("nan"), 0)
    # Tuning is over: all of train is used.
    probe = fit_probe(train.labeled(best.pooling), (best.penalty,), settings.iterations)
    return TunedProbe(probe, best, attempts, len(labels))


def measure_linear_probe(
    train: Features, test: Features, settings: LinearProbeSettings | None = None, *, seed: int = 0
) -> LinearProbeResult:
    """Choose pooling and penalty on held-out train, refit on all of it, answer the test once.

    Labels may be any integers; a test label that train lacks counts as wrong. Raises
    MaskwrightError without labels or with one class.
    """
    settings = settings or LinearProbeSettings()
    tuned = tune_and_fit(train, settings, seed)
    labels = train.labeled(tuned.best.pooling).labels
    truth = test.labeled(tuned.best.pooling).labels
    return LinearProbeResult(
        answers=judge_answers(tuned.scores(test), tuned.probe.labels, truth, labels, seed),
        pooling=tuned.best.pooling,
        penalty=tuned.best.penalty,
        attempts=tuned.attempts,
        settings=settings,
        num_train=tuned.num_train,
        notes=_notes(tuned.best, tuned.attempts, settings),
    )


def _notes(
    best: Attempt, attempts: tuple[Attempt, ...], settings: LinearProbeSettings
) -> tuple[str, ...]:
    if not attempts:
        return (
            f"Every class has one train image, so nothing was tuned: pooling {best.pooling},"
            f" penalty {best.penalty:g}.",
        )
    # At the end of the range the best penalty may lie beyond it; one alone has no range.
    ends = {min(settings.penalties): "smallest", max(settings.penalties): "largest"}
    if len(ends) == 2 and best.penalty in ends:
        return (
            f"The best penalty, {best.penalty:g}, is the {ends[best.penalty]} tried; a wider range"
            " may do better.",
        )
    return ()
