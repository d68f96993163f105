"""Is it real: intervals over seeds, paired differences to a baseline with Holm's correction, and
what this many seeds could have shown.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
from scipy import stats
from scipy.optimize import brentq

from maskwright.evaluation.metrics import Interval
from maskwright.support.errors import MaskwrightError
from maskwright.support.seeding import derive_seed

Values = Mapping[str, Mapping[int, float]]
"""Numbers of one metric: arm -> seed -> value."""

FEWEST_SEEDS = 3
LEVEL = 0.95
ALPHA = 0.05
POWER = 0.8
MOST_ENUMERATED = 6
"""Up to this many seeds every resample is taken once (6 ** 6 of them), so the bootstrap has no
chance in it.
"""
RESAMPLES = 20_000
SAME = 1e-12
"""Differences whose spread is below this share of their size are all the same number."""
EXPLORATORY = " (exploratory)"
"""Ends the verdicts of metrics that a plan does not name as its main one: they are leads, not
claims.
"""
BETTER, WORSE, HIGHER, LOWER = "better", "worse", "higher", "lower"


@dataclass(frozen=True, kw_only=True)
class Sample:
    """What the seeds of one arm gave: mean, spread and, from three seeds on, intervals
    of the mean.
    """

    seeds: tuple[int, ...]
    mean: float
    deviation: float | None
    interval: Interval | None
    bootstrap: Interval | None

    @property
    def count(self) -> int:
        return len(self.seeds)


@dataclass(frozen=True, kw_only=True)
class Difference:
    """A paired difference, seed by seed, with what can be said of it.

    better: the mean difference counted so that more is better; p and holm: two-sided, alone and
        corrected for all compared with it.
    agreeing: seeds whose difference has the sign of the mean.
    detectable: the smallest true difference that this many seeds would show in 80% of studies after
        the correction, from the spread measured here; see `detectable_difference`.
    comparisons: how many the correction ran over.
    verdict: `better` or `worse` for claims alone.
    """

    sample: Sample
    better: float
    p: float | None
    holm: float | None
    agreeing: int
    detectable: float | None
    comparisons: int
    verdict: str

    @property
    def is_shown(self) -> bool:
        """Whether a difference is shown after correction."""
        return self.holm is not None and self.holm < ALPHA


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
    mean, error = float(values.mean()), float(values.std(ddof=1)) / math.sqrt(len(values))
    half = float(stats.t.ppf((1 + level) / 2, len(values) - 1)) * error
    return Interval(mean, mean - half, mean + half)


def bootstrap_over_seeds(values: np.ndarray, level: float = LEVEL, seed: int = 0) -> Interval:
    """Expanded percentile interval of the mean (Hesterberg 2015, sec. 3.3): percentiles moved out
    so that few seeds do not look sure.

    A plain percentile interval of five seeds covers about 83% instead of 95%. This one can reach no
    further than the smallest and the largest value, so three seeds cover at most 75% and four
    87.5%, whatever the level.
    """
    count = len(values)
    if count <= MOST_ENUMERATED:
        picks = np.indices((count,) * count, dtype=np.int64).reshape(count, -1)
    else:
        picks = np.random.default_rng(derive_seed(seed, "bootstrap over seeds")).integers(
            0, count, (count, RESAMPLES)
        )
    means = values[picks].mean(0)
    reach = math.sqrt(count / (count - 1)) * float(stats.t.ppf((1 + level) / 2, count - 1))
    low, high = np.quantile(means, [float(stats.norm.cdf(-reach)), float(stats.norm.cdf(reach))])
    return Interval(float(values.mean()), float(low), float(high))


def compare_to_baseline(
    values: Values, baseline: str, larger_is_better: bool = True, is_claim: bool = True
) -> dict[str, Difference]:
    """Compare every other arm with the baseline over the seeds that both have; Holm's correction
    runs over all of them.

    is_claim: whether the metric is the one that the plan names; verdicts on another one say higher
        or lower, not better or worse. An arm that shares no seed with the baseline is left out.

    Raises MaskwrightError for a baseline without numbers.
    """
    if not values.get(baseline):
        raise MaskwrightError(
            f"The baseline arm '{baseline}' has no finished trial, so nothing can be compared"
            " with it."
        )
    paired = {arm: pair(values[arm], values[baseline]) for arm in values if arm != baseline}
    compared = {arm: difference for arm, difference in paired.items() if difference}
    return judge(compared, larger_is_better, is_claim)


def pair(one: Mapping[int, float], other: Mapping[int, float]) -> dict[int, float]:
    """Differences one - other of the seeds that both have."""
    return {seed: one[seed] - other[seed] for seed in sorted(set(one) & set(other))}


def judge(
    differences: Values, larger_is_better: bool = True, is_claim: bool = True
) -> dict[str, Difference]:
    """Test each mean difference against zero, correct for all of them by Holm, and say the verdict
    in words.
    """
    samples = {name: summarize(by_seed) for name, by_seed in differences.items()}
    tested = {name: _p_value(sample) for name, sample in samples.items()}
    names = [name for name, p in tested.items() if p is not None]
    corrected = dict(zip(names, holm([p for p in tested.values() if p is not None]), strict=True))
    judged = {}
    for name, sample in samples.items():
        better = sample.mean if larger_is_better else -sample.mean
        values = differences[name].values()
        judged[name] = Difference(
            sample=sample,
            better=better,
            p=tested[name],
            holm=corrected.get(name),
            agreeing=(
                sum(value * sample.mean > 0 for value in values)
                if sample.mean
                else sum(value == 0 for value in values)
            ),
            detectable=_detectable(sample, len(names)),
            comparisons=len(names),
            verdict=(
                _verdict(sample, better, corrected.get(name))
                if is_claim
                else _lead(sample, corrected.get(name))
            ),
        )
    return judged


def holm(p_values: Sequence[float]) -> list[float]:
    """Correct p values for their number (Holm 1979): the chance of any false alarm among them stays
    at the level.
    """
    order = np.argsort(p_values, kind="stable")
    factors = np.arange(len(p_values), 0, -1)
    corrected = np.empty(len(p_values))
    corrected[order] = np.minimum(
        1.0, np.maximum.accumulate(np.asarray(p_values, dtype=np.float64)[order] * factors)
    )
    return corrected.tolist()


def detectable_difference(
    deviation: float,
    count: int,
    comparisons: int = 1,
    alpha: float = ALPHA,
    power: float = POWER,
) -> float:
    """The smallest true mean difference that `count` paired seeds show with this power, in a study
    of several comparisons.

    The power is that of one given comparison of which alone the truth is not zero. Holm's
    correction then asks for p < alpha / comparisons, its first step. An alarm among the others may
    come first and ease it, which adds less than a hundredth to the power.

    deviation: of the differences over seeds.
    comparisons: all that Holm's correction runs over. Two-sided paired t test, noncentral t.
    """
    return _detectable_shift(count, alpha / comparisons, power) * deviation / math.sqrt(count)


@cache
def _detectable_shift(count: int, alpha: float, power: float) -> float:
    """The detectable difference in standard errors; a significant difference of the wrong sign does
    not count as found.
    """
    limit = float(stats.t.ppf(1 - alpha / 2, count - 1))
    return float(
        brentq(
            lambda shift: float(stats.nct.sf(limit, count - 1, shift)) - power, 0.0, 2 * limit + 5
        )
    )


def _p_value(sample: Sample) -> float | None:
    """Two-sided p of a paired t test; none for too few seeds or differences that are the same in
    every seed.
    """
    if sample.count < FEWEST_SEEDS or sample.deviation is None or _is_same(sample):
        return None
    t = sample.mean / (sample.deviation / math.sqrt(sample.count))
    return float(2 * stats.t.sf(abs(t), sample.count - 1))


def _detectable(sample: Sample, comparisons: int) -> float | None:
    if sample.count < FEWEST_SEEDS or sample.deviation is None or _is_same(sample):
        return None
    return detectable_difference(sample.deviation, sample.count, comparisons)


def _is_same(sample: Sample) -> bool:
    return sample.deviation is not None and sample.deviation <= SAME * max(1.0, abs(sample.mean))


def _verdict(sample: Sample, better: float, corrected: float | None) -> str:
    if sample.count < FEWEST_SEEDS:
        return (
            f"no verdict: {sample.count} seed{'s' if sample.count > 1 else ''}, an interval needs"
            f" {FEWEST_SEEDS}"
        )
    if corrected is None:
        return (
            "identical in every seed"
            if abs(sample.mean) <= SAME
            else "no verdict: the same difference in every seed, so no spread"
        )
    if corrected >= ALPHA:
        return f"no difference shown at n={sample.count}"
    return BETTER if better > 0 else WORSE


def _lead(sample: Sample, corrected: float | None) -> str:
    """The verdict on a metric that was not the question: which way the number went, without saying
    that this is good or bad.
    """
    if corrected is None:
        return _verdict(sample, sample.mean, corrected)
    if corrected >= ALPHA:
        return _verdict(sample, sample.mean, corrected) + EXPLORATORY
    return (HIGHER if sample.mean > 0 else LOWER) + EXPLORATORY
