"""A linear probe that is fitted once and then stays as it is, whatever it is shown."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from maskwright.evaluation.features import Features
from maskwright.evaluation.linear_fit import (
    FittedProbe,
    LinearProbeSettings,
    begin_probe,
    best_attempt,
    fit_probe,
    try_settings,
)
from maskwright.support.errors import MaskwrightError


@dataclass(frozen=True, eq=False)
class FixedProbe:
    """A linear probe that stays as it is, whatever is done to the pictures it is shown.

    fitted: the classifier behind its standardization.
    pooling: the features that it reads: `mean`, `cls` or `both`.
    penalty: the coefficient chosen on held-out train.
    num_train: how many pictures it was fitted on.
    train_majority: the commonest label of those.
    """

    fitted: FittedProbe
    pooling: str
    penalty: float
    num_train: int
    train_majority: int

    @property
    def labels(self) -> Tensor:
        """(K,) labels in the order of the score columns, rising."""
        return self.fitted.labels

    def scores(self, features: Features) -> Tensor:
        """Class scores (n, K)."""
        # The fitted probe holds one classifier per penalty, here a single one: (1, n, K) -> (n, K)
        return self.fitted.scores(features.pooled(self.pooling))[0]

    def decide(self, features: Features) -> Tensor:
        """The label (n,) with the largest score."""
        return self.labels[self.scores(features).argmax(1)]


def fit_fixed_probe(
    train: Features, settings: LinearProbeSettings | None = None, seed: int = 0
) -> FixedProbe:
    """Choose pooling and penalty on a part of train, and refit on all of it, as `evaluate` does."""
    settings = settings or LinearProbeSettings()
    poolings, labels = begin_probe(train, settings)
    # Every setting is tried on the same held-out part, so one round of attempts is enough.
    attempts = try_settings(train, poolings, settings, seed)
    if not attempts:
        raise MaskwrightError(
            "A fixed probe needs a class with at least two train pictures; use more pictures."
        )
    best = best_attempt(attempts)
    fitted = fit_probe(train.labeled(best.pooling), (best.penalty,), settings.iterations)
    return FixedProbe(fitted, best.pooling, best.penalty, len(labels), int(labels.mode().values))
