"""What the seeds of one arm gave: mean, spread and intervals of the mean."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from scipy import stats

from maskwright.evaluation.metrics import Interval
from maskwright.support.errors import MaskwrightError
from maskwright.support.seeding import derive_seed

FEWEST_SEEDS = 3
"""With two seeds a t interval is so wide that it says nothing."""
LEVEL = 0.95
MOST_ENUMERATED = 6
"""Up to this many seeds every resample is taken once (6 ** 6), so the bootstrap has no chance."""
RESAMPLES = 20_000
SAME = 1e-12
"""Values whose spread is below this share of their size are all the same number."""


@dataclass(frozen=True, kw_only=True)
class Sample:
    """What the seeds of one arm gave.

    deviation: the standard deviation over seeds (n - 1); None for one seed.
    interval: Student's t interval of the mean, from three seeds on.
    bootstrap: the same by resampling seeds.
    """

    seeds: tuple[int, ...]
    mean: float
    deviation: float | None
    interval: Interval | None
    bootstrap: Interval | None

    @property
    def count(self) -> int:
        """How many seeds there are."""
        return len(self.seeds)

    @property
    def is_constant(self) -> bool:
        """Whether all values are one number but for rounding, so that no test of them has sense."""
        return self.deviation is not None and self.deviation <= SAME * max(1.0, abs(self.mean))


def summarize(by_seed: Mapping[int, float]) -> Sample:
    """Describe the numbers of the seeds of one arm. Raises MaskwrightError when there are none."""
    if not by_seed:
        raise MaskwrightError("There are no finished trials to summarize.")
    seeds = tuple(sorted(by_seed))
    values = np.array([by_seed[seed] for seed in seeds], dtype=np.float64)
    has_intervals = len(values) >= FEWEST_SEEDS
    return Sample(
        seeds=seeds,
        mean=float(values.mean()),
        deviation=float(values.std(ddof=1)) if len(values) > 1 else None,
        interval=t_interval(values) if has_intervals else None,
        bootstrap=bootstrap_over_seeds(values) if has_intervals else None,
    )


def t_interval(values: np.ndarray, level: float = LEVEL) -> Interval:
    """Student's t interval of the mean of (n,) values, n >= 2."""
    # By hand: scipy's own refuses values that are all the same, which arms may well give.
    mean = float(values.mean())
    error = float(values.std(ddof=1)) / math.sqrt(len(values))
    half = float(stats.t.ppf((1 + level) / 2, len(values) - 1)) * error
    return Interval(mean, mean - half, mean + half)


def bootstrap_over_seeds(values: np.ndarray, level: float = LEVEL, seed: int = 0) -> Interval:
    """Expanded percentile interval of the mean (Hesterberg 2015, sec. 3.3).

    Its percentiles are moved out, so that few seeds do not look sure.

    A plain percentile interval of five seeds covers about 83% instead of 95%. This one can reach no
    further than the smallest and the largest value, so three seeds cover at most 75% and four
    87.5%, whatever the level.
    """
    count = len(values)
    if count <= MOST_ENUMERATED:
        # every resample once: (n, n ** n)
        picks = np.indices((count,) * count, dtype=np.int64).reshape(count, -1)
    else:
        rng = np.random.default_rng(derive_seed(seed, "bootstrap over seeds"))
        picks = rng.integers(0, count, (count, RESAMPLES))
    means = values[picks].mean(0)
    # How far out a t interval reaches, in standard deviations of the resampled means.
    reach = math.sqrt(count / (count - 1)) * float(stats.t.ppf((1 + level) / 2, count - 1))
    # The percentiles of a normal distribution that lie as far out.
    low, high = np.quantile(means, [float(stats.norm.cdf(-reach)), float(stats.norm.cdf(reach))])
    return Interval(float(values.mean()), float(low), float(high))
