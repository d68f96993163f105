"""Fitting and tuning a linear probe on train images alone."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import torch
import torch.nn.functional as F
from torch import Tensor

from maskwright.data.store.stratified import hold_out_of_each_class
from maskwright.evaluation.features import POOLINGS, Features, Labeled
from maskwright.evaluation.logistic import LogisticModels, fit_logistic
from maskwright.evaluation.standardize import Standardizer
from maskwright.support.checks import check_at_least, check_one_of
from maskwright.support.errors import MaskwrightError, unknown_name
from maskwright.support.seeding import derive_seed

# 1e-6 to 1 in steps of half a decade, each rounded to two digits.
_HALF_POWERS = [10 ** (power / 2) for power in range(-12, 1)]
HALF_DECADES = tuple(float(f"{penalty:.1e}") for penalty in _HALF_POWERS)
# So many penalties around the aim are tried again on all images.
FEW_PENALTIES = 5
CHOOSE_BY = ("accuracy", "cross_entropy")


@dataclass(frozen=True, kw_only=True)
class LinearProbeSettings:
    """How a linear probe is fitted and tuned.

    pooling: `choose` among what the encoder offers, or fix `cls`, `mean` or `both` (side by side),
        as a comparison of policies should.
    penalties: coefficients of half the squared weights beside the mean cross-entropy.
    choose_by: what is best on the held-out part, `accuracy` or `cross_entropy`. Of few images the
        latter is less a matter of luck.
    held_out: share of each train class kept for tuning.
    iterations: of L-BFGS.
    choose_on: with more train images than this, pooling and the neighborhood of the penalty are
        chosen on so many.
    """

    pooling: str = "choose"
    penalties: tuple[float, ...] = HALF_DECADES
    choose_by: str = "accuracy"
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
        check_one_of("choose_by", self.choose_by, CHOOSE_BY)
        if not 0 < self.held_out < 1:
            raise MaskwrightError(
                f"held_out is a share of train between 0 and 1; got {self.held_out:g}."
            )
        check_at_least("choose_on", self.choose_on, 100)


@dataclass(frozen=True)
class Attempt:
    """One pooling and penalty tried on the held-out part of train.

    pooling: `mean`, `cls` or `both`.
    penalty: coefficient of half the squared weights.
    accuracy: the share right on the held-out part.
    cross_entropy: its mean there, which breaks ties.
    num_fit: the images it was fitted on.
    """

    pooling: str
    penalty: float
    accuracy: float
    cross_entropy: float
    num_fit: int


def begin_probe(train: Features, settings: LinearProbeSettings) -> tuple[tuple[str, ...], Tensor]:
    """The poolings to choose from and the labels of train.

    Raises MaskwrightError with fewer than two classes.
    """
    poolings = train.poolings if settings.pooling == "choose" else (settings.pooling,)
    labels = train.labeled(poolings[0]).labels
    if len(labels.unique()) < 2:
        raise MaskwrightError(
            f"A linear probe needs at least two classes in train; got {len(labels.unique())}."
        )
    return poolings, labels


def tune(
    train: Features, poolings: tuple[str, ...], settings: LinearProbeSettings, seed: int
) -> tuple[Attempt, ...]:
    """Try every pooling and penalty; with many images, roughly on some of them first.

    Then the best pooling is tried near its best penalty on all.
    """
    labels = train.labeled(poolings[0]).labels
    num_tried = len(poolings) * len(settings.penalties)
    if len(labels) <= settings.choose_on or num_tried <= FEW_PENALTIES:
        return try_settings(train, poolings, settings, seed)

    # A rough round on some images: half the iterations tell good settings from bad ones.
    share = settings.choose_on / len(labels)
    rows = hold_out_of_each_class(labels, share, derive_seed(seed, "choose on"))
    rough = replace(settings, iterations=max(1, settings.iterations // 2))
    first = try_settings(train.take(rows), poolings, rough, seed)
    if not first:
        return first

    # The best penalty of a mean loss falls about as 1 / images, so all images need a smaller one.
    best = best_attempt(first, settings.choose_by)
    aim = best.penalty * int(rows.sum()) / len(labels)

    def distance(penalty: float) -> float:
        return abs(math.log(penalty / aim))

    nearest_first = sorted(settings.penalties, key=distance)
    near = tuple(sorted(nearest_first[:FEW_PENALTIES]))
    fine = replace(settings, penalties=near)
    return first + try_settings(train, (best.pooling,), fine, seed)


def try_settings(
    train: Features, poolings: tuple[str, ...], settings: LinearProbeSettings, seed: int
) -> tuple[Attempt, ...]:
    """Fit every pooling and penalty on one part of train and measure it on the other.

    Returns nothing when nothing can be held out.
    """
    attempts: list[Attempt] = []
    for pooling in poolings:
        images = train.labeled(pooling)
        # The same seed holds the same images out for every pooling.
        held = hold_out_of_each_class(images.labels, settings.held_out, seed)
        if held.any():
            fitted = fit_probe(images.take(~held), settings.penalties, settings.iterations)
            attempts += _measure_attempts(fitted, images, held, pooling, settings.penalties)
    return tuple(attempts)


def best_attempt(attempts: tuple[Attempt, ...], choose_by: str = "accuracy") -> Attempt:
    """The most accurate attempt, of equals that of the smaller cross-entropy; or the smallest
    cross-entropy of all.
    """
    # Only those fitted on the most images are candidates: a rough round has been refined.
    most = max(attempt.num_fit for attempt in attempts)
    candidates = [attempt for attempt in attempts if attempt.num_fit == most]
    if choose_by == "cross_entropy":
        return min(candidates, key=lambda attempt: attempt.cross_entropy)
    return max(candidates, key=lambda attempt: (attempt.accuracy, -attempt.cross_entropy))


@dataclass(frozen=True)
class FittedProbe:
    """Linear classifiers, one per penalty.

    standardizer: brings features to the form that they were fitted on.
    models: the classifiers.
    labels: (K,) names of their columns, rising.
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
    fitted: FittedProbe,
    images: Labeled,
    held: Tensor,
    pooling: str,
    penalties: tuple[float, ...],
) -> list[Attempt]:
    """How well each penalty answers the held-out images, marked by (n,) booleans."""
    tested = images.take(held)
    truth = torch.searchsorted(fitted.labels, tested.labels)
    num_fit = int((~held).sum())
    attempts = []
    # (L, n, K) scores, one (n, K) for each penalty
    for penalty, scores in zip(penalties, fitted.scores(tested.values), strict=True):
        is_right = scores.argmax(1) == truth
        entropy = F.cross_entropy(scores.double(), truth)
        attempt = Attempt(
            pooling=pooling,
            penalty=penalty,
            accuracy=float(is_right.double().mean()),
            cross_entropy=entropy.item(),
            num_fit=num_fit,
        )
        attempts.append(attempt)
    return attempts
