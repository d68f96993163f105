"""Is it real: paired differences to a baseline, seed by seed, with Holm's correction."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats

from maskwright.studies.power import ALPHA, detectable_difference
from maskwright.studies.samples import FEWEST_SEEDS, SAME, Sample, summarize
from maskwright.support.errors import MaskwrightError
from maskwright.support.plurals import count_of

Values = Mapping[str, Mapping[int, float]]
"""Numbers of one metric: arm -> seed -> value."""

EXPLORATORY = " (exploratory)"
"""Ends the verdicts of all metrics but the main one: they are leads, not claims."""
BETTER, WORSE, HIGHER, LOWER = "better", "worse", "higher", "lower"


@dataclass(frozen=True, kw_only=True)
class Difference:
    """A paired difference, seed by seed, with what can be said of it.

    sample: the differences over seeds.
    better: the mean difference, counted so that more is better.
    p: of a two-sided paired t test.
    holm: p corrected for all that were compared.
    agreeing: seeds whose difference has the sign of the mean.
    detectable: the smallest true difference that such a study shows in 80% of cases; see
        `detectable_difference`.
    comparisons: how many the correction ran over.
    verdict: in words; `better` or `worse` for claims alone.
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


def compare_to_baseline(
    values: Values, baseline: str, larger_is_better: bool = True, is_claim: bool = True
) -> dict[str, Difference]:
    """Compare every other arm with the baseline over the seeds that both have.

    Holm's correction runs over all of them. An arm that shares no seed with the baseline is left
    out.

    is_claim: whether the metric is the one that the plan names; verdicts on another one say higher
        or lower, not better or worse.

    Raises MaskwrightError for a baseline without numbers.
    """
    if not values.get(baseline):
        raise MaskwrightError(
            f"The baseline arm '{baseline}' has no finished trial, so nothing can be compared"
            " with it."
        )
    # Paired by seed: the luck that two arms of one seed share cancels out.
    paired = {arm: pair(values[arm], values[baseline]) for arm in values if arm != baseline}
    compared = {arm: difference for arm, difference in paired.items() if difference}
    return judge(compared, larger_is_better, is_claim)


def pair(arm: Mapping[int, float], baseline: Mapping[int, float]) -> dict[int, float]:
    """Differences arm - baseline of the seeds that both have."""
    return {seed: arm[seed] - baseline[seed] for seed in sorted(set(arm) & set(baseline))}


def judge(
    differences: Values, larger_is_better: bool = True, is_claim: bool = True
) -> dict[str, Difference]:
    """Test each mean difference against zero, correct for all of them by Holm, say the verdict."""
    samples = {name: summarize(by_seed) for name, by_seed in differences.items()}
    # Only what could be tested counts in the correction.
    tested = {name: _p_value(samples[name], differences[name]) for name in samples}
    p_values = {name: p for name, p in tested.items() if p is not None}
    corrected = dict(zip(p_values, holm(list(p_values.values())), strict=True))
    judged = {}
    # A claim says better or worse, an exploratory metric only higher or lower.
    for name, sample in samples.items():
        better = sample.mean if larger_is_better else -sample.mean
        if is_claim:
            verdict = _verdict(sample, better, corrected.get(name))
        else:
            verdict = _lead(sample, corrected.get(name))
        judged[name] = Difference(
            sample=sample,
            better=better,
            p=tested[name],
            holm=corrected.get(name),
            agreeing=_count_agreeing(sample.mean, differences[name].values()),
            detectable=_detectable(sample, len(p_values)),
            comparisons=len(p_values),
            verdict=verdict,
        )
    return judged


def _count_agreeing(mean: float, values: Iterable[float]) -> int:
    """How many values have the sign of their mean; of a mean of zero, how many are zero."""
    if mean == 0:
        return sum(value == 0 for value in values)
    return sum(value * mean > 0 for value in values)


def holm(p_values: Sequence[float]) -> list[float]:
    """Correct p values for their number (Holm 1979).

    The chance of any false alarm among them stays at the level.
    """
    order = np.argsort(p_values, kind="stable")
    # The smallest p is multiplied by n, the next by n - 1, and so on.
    factors = np.arange(len(p_values), 0, -1)
    stepped = np.asarray(p_values, dtype=np.float64)[order] * factors
    # No p may come out smaller than one that was smaller before.
    corrected = np.empty(len(p_values))
    corrected[order] = np.minimum(1.0, np.maximum.accumulate(stepped))
    return corrected.tolist()


def _p_value(sample: Sample, differences: Mapping[int, float]) -> float | None:
    """Two-sided p of a paired t test.

    None for too few seeds, or differences that are the same in every seed.
    """
    if sample.count < FEWEST_SEEDS or sample.is_constant:
        return None
    return float(stats.ttest_1samp(list(differences.values()), 0.0).pvalue)


def _detectable(sample: Sample, comparisons: int) -> float | None:
    if sample.count < FEWEST_SEEDS or sample.deviation is None or sample.is_constant:
        return None
    return detectable_difference(sample.deviation, sample.count, comparisons)


def _verdict(sample: Sample, better: float, corrected: float | None) -> str:
    """The verdict on the main metric."""
    if sample.count < FEWEST_SEEDS:
        seeds = count_of(sample.count, "seed")
        return f"no verdict: {seeds}, an interval needs {FEWEST_SEEDS}"
    # Without a p value there was no spread.
    if corrected is None and abs(sample.mean) <= SAME:
        return "identical in every seed"
    if corrected is None:
        return "no verdict: the same difference in every seed, so no spread"
    # Not shown is not the same as not there, and the words say so.
    if corrected >= ALPHA:
        return f"no difference shown at n={sample.count}"
    return BETTER if better > 0 else WORSE


def _lead(sample: Sample, corrected: float | None) -> str:
    """The verdict on another metric: which way it went, not whether that is good or bad."""
    if corrected is None:
        return _verdict(sample, sample.mean, corrected)
    if corrected >= ALPHA:
        return _verdict(sample, sample.mean, corrected) + EXPLORATORY
    return (HIGHER if sample.mean > 0 else LOWER) + EXPLORATORY
