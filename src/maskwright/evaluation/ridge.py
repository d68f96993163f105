"""Ridge regression for many penalties at once, from one eigendecomposition."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from maskwright.evaluation.standardize import Standardizer

PENALTIES = tuple(10.0**power for power in range(-4, 3))
# Where nothing can be held out.
UNTUNED_PENALTY = 1e-1


@dataclass(frozen=True, eq=False)
class RidgeModels:
    """One linear model for each of L penalties.

    standardizer: brings features to the form that they were fitted on.
    weight: (L, D).
    center: the mean of the train values, which a feature vector of zeros is given.
    """

    standardizer: Standardizer
    weight: Tensor
    center: float

    def predict(self, values: Tensor) -> Tensor:
        """(L, n) numbers for (n, D) features."""
        rows = self.standardizer.apply(values)
        return self.weight @ rows.T + self.center


def fit_ridge(
    values: Tensor, targets: Tensor, penalties: Sequence[float], weights: Tensor | None = None
) -> RidgeModels:
    """Minimize the mean squared error + penalty * squared weights for every penalty.

    values: (n, D) features, which are standardized here.
    targets: (n,).
    weights: (n,) how much each row counts, equally by default.
    """
    standardizer = Standardizer.fit(values)
    rows = standardizer.apply(values).double()
    share = torch.ones(len(rows)) if weights is None else weights
    share = (share / share.sum()).double()
    truth = targets.double()
    center = (share * truth).sum()
    # (D, D) and (D,): all that the rows have to say.
    spread = rows.T @ (share[:, None] * rows)
    pull = rows.T @ (share * (truth - center))
    variance, axes = torch.linalg.eigh(spread)
    along = axes.T @ pull
    # (L, D): every penalty shrinks each axis by its own share.
    penalty = torch.tensor(penalties).double()[:, None]  # (L, 1)
    shrunk = along / (variance.clamp_min(0) + penalty)
    weight = shrunk @ axes.T
    return RidgeModels(standardizer, weight.float(), float(center))


@dataclass(frozen=True, eq=False)
class TunedRidge:
    """A ridge regression with the penalty that held-out pictures chose.

    models: fitted on all of train, with that penalty alone.
    penalty: the one chosen.
    tried: all penalties with their mean squared error on held-out pictures.
    """

    models: RidgeModels
    penalty: float
    tried: list[dict[str, float]]


def tune_ridge(values: Tensor, targets: Tensor, is_held: Tensor) -> TunedRidge:
    """Choose the penalty on the rows (n,) that are held out, then refit on all."""
    tried = []
    penalty = UNTUNED_PENALTY
    if is_held.any() and not is_held.all():
        models = fit_ridge(values[~is_held], targets[~is_held], PENALTIES)
        away = models.predict(values[is_held]) - targets[is_held]  # (L, held)
        errors = away.square().mean(1)
        penalty = PENALTIES[int(errors.argmin())]
        tried = [
            {"penalty": each, "mean_squared_error": error}
            for each, error in zip(PENALTIES, errors.tolist(), strict=True)
        ]
    return TunedRidge(fit_ridge(values, targets, (penalty,)), penalty, tried)
