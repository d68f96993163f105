"""How near predicted numbers come to true ones: R2, mean absolute and root mean squared error."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from maskwright.evaluation.metrics import Interval, bootstrap


@dataclass(frozen=True, eq=False)
class ErrorSums:
    """Sums over the values of each of n pictures: a value each, or one for each of its pixels.

    count: (n,) values.
    truth, squares: (n,) sums of the true values and of their squares.
    absolute, squared: (n,) sums of the absolute and of the squared errors.
    """

    count: np.ndarray
    truth: np.ndarray
    squares: np.ndarray
    absolute: np.ndarray
    squared: np.ndarray

    def mae(self, counts: np.ndarray) -> np.ndarray:
        """Mean absolute error (R,) for (R, n) counts of how often each picture was drawn."""
        return (counts @ self.absolute) / (counts @ self.count)

    def rmse(self, counts: np.ndarray) -> np.ndarray:
        """Root of the mean squared error (R,)."""
        return np.sqrt((counts @ self.squared) / (counts @ self.count))

    def r2(self, counts: np.ndarray) -> np.ndarray:
        """The share of the variance explained (R,); NaN where the truth does not vary."""
        total = counts @ self.count
        values = counts @ self.truth
        squares = counts @ self.squares
        errors = counts @ self.squared
        variance = squares - values**2 / total
        # A constant leaves the rounding of its squares.
        varies = variance > 1e-9 * squares
        unexplained = np.full(len(total), np.nan)
        return 1 - np.divide(errors, variance, out=unexplained, where=varies)


@dataclass(frozen=True, eq=False)
class RegressionScores:
    """Numbers with 95% bootstrap intervals over pictures.

    r2: share of the variance explained, 1 is perfect and 0 a constant; None where the truth does
        not vary.
    mae: mean absolute error.
    rmse: root of the mean squared error.
    constant_mae: that of always answering the mean of train.
    sums: what they were computed from.
    """

    r2: Interval | None
    mae: Interval
    rmse: Interval
    constant_mae: float
    sums: ErrorSums

    def to_dict(self) -> dict[str, Any]:
        """Everything, ready for JSON; `errors` has the mean absolute error of each picture."""
        errors = self.sums.absolute / self.sums.count.clip(1)
        return {
            "r2": None if self.r2 is None else self.r2.to_dict(),
            "mae": self.mae.to_dict(),
            "rmse": self.rmse.to_dict(),
            "constant_mae": self.constant_mae,
            "num_test": len(errors),
            "interval": "95% bootstrap over test pictures",
            "errors": [float(f"{error:.6g}") for error in errors],
        }


def score_regression(sums: ErrorSums, constant_mae: float, seed: int) -> RegressionScores:
    """Give every number with its interval, all over the same draws of pictures."""
    count = len(sums.count)
    varies = not np.isnan(sums.r2(np.ones((1, count)))).any()
    return RegressionScores(
        r2=bootstrap(sums.r2, count, seed) if varies else None,
        mae=bootstrap(sums.mae, count, seed),
        rmse=bootstrap(sums.rmse, count, seed),
        constant_mae=constant_mae,
        sums=sums,
    )


def sum_errors(truth: list[np.ndarray], given: list[np.ndarray]) -> ErrorSums:
    """Sum up the values of each picture; NaN in the truth is not counted."""
    rows = []
    for real, answer in zip(truth, given, strict=True):
        known = ~np.isnan(real)
        values = real[known].astype(np.float64)
        error = answer[known] - values
        rows.append(
            [
                len(values),
                values.sum(),
                np.square(values).sum(),
                np.abs(error).sum(),
                np.square(error).sum(),
            ]
        )
    return ErrorSums(*np.array(rows, dtype=np.float64).T)


def join_sums(parts: list[ErrorSums]) -> ErrorSums:
    """The sums of several sets of pictures, one after another."""
    return ErrorSums(
        count=np.concatenate([part.count for part in parts]),
        truth=np.concatenate([part.truth for part in parts]),
        squares=np.concatenate([part.squares for part in parts]),
        absolute=np.concatenate([part.absolute for part in parts]),
        squared=np.concatenate([part.squared for part in parts]),
    )
