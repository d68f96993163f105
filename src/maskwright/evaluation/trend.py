"""Whether a series of losses is still falling."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from maskwright.evaluation.metrics import Interval
from maskwright.support.seeding import derive_seed

# Fewer values than this have no two stretches to compare.
FEWEST = 8
_RESAMPLES = 1000


@dataclass(frozen=True)
class Trend:
    """How a series moves at its end.

    change: of the mean from its third quarter to its last, as a share of the former, with a 95 %
        bootstrap interval over the values; negative is falling.
    first: the mean of its first eighth.
    last: the mean of its last eighth.
    least: the least mean of any eighth.
    """

    change: Interval
    first: float
    last: float
    least: float


def measure_trend(values: Sequence[float]) -> Trend | None:
    """The trend of losses in the order of training; None for fewer than 8 finite ones."""
    series = np.array([value for value in values if math.isfinite(value)])
    if len(series) < FEWEST:
        return None
    quarter = len(series) // 4
    before = series[-2 * quarter : -quarter]
    after = series[-quarter:]
    means = [float(part.mean()) for part in np.array_split(series, 8)]
    return Trend(
        change=_relative_change(before, after),
        first=means[0],
        last=means[-1],
        least=min(means),
    )


def _relative_change(before: np.ndarray, after: np.ndarray) -> Interval:
    """(mean after - mean before) / mean before, both stretches drawn anew for the interval."""
    # Nothing falls below nothing.
    if not before.any():
        return Interval(0.0, 0.0, 0.0)
    rng = np.random.default_rng(derive_seed(0, "trend"))
    means_before = _draw_means(rng, before)
    means_after = _draw_means(rng, after)
    changes = means_after / means_before.clip(min=1e-12) - 1
    low, high = np.quantile(changes, [0.025, 0.975])
    change = after.mean() / before.mean() - 1
    return Interval(float(change), float(low), float(high))


def _draw_means(rng: np.random.Generator, values: np.ndarray) -> np.ndarray:
    """(R,) means of values drawn with replacement."""
    drawn = rng.choice(values, (_RESAMPLES, len(values)))
    return drawn.mean(1)
