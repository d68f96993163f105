"""A linear probe that is fitted once and then stays as it is, whatever it is shown."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from maskwright.evaluation.features import Features
from maskwright.evaluation.linear_fit import FittedProbe, LinearProbeSettings
from maskwright.evaluation.linear_probe import tune_and_fit
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
    tuned = tune_and_fit(train, settings or LinearProbeSettings(), seed)
    if not tuned.attempts:
        raise MaskwrightError(
            "A fixed probe needs a class with at least two train pictures; use more pictures."
        )
    pooling = tuned.best.pooling
    majority = int(train.labeled(pooling).labels.mode().values)
    return FixedProbe(tuned.probe, pooling, tuned.best.penalty, tuned.num_train, majority)
