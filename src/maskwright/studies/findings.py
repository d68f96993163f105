"""What a study found: for each metric its arms, their differences to the baseline, the verdicts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from maskwright.evaluation.metrics import Interval, bootstrap_interval
from maskwright.studies.ablations import split_designs
from maskwright.studies.factorial import has_several_factors, is_whole, measure_effects
from maskwright.studies.learning_rule import limit_verdict
from maskwright.studies.number_text import decimals_for
from maskwright.studies.record import Metric, StudyRecord
from maskwright.studies.samples import Sample, summarize
from maskwright.studies.statistics import Difference, compare_to_baseline


@dataclass(frozen=True, kw_only=True)
class ArmFinding:
    """One arm under one metric.

    values: its numbers by seed.
    sample: what they are like: mean, spread, intervals.
    difference: to the baseline, where it has one.
    over_pictures: the mean difference on the same test pictures with its bootstrap interval, seeds
        taken as they are; where answers were kept per picture.
    pictures: how many those are.
    floor: what random weights reach, with an interval over test pictures.
    baseline_has_learned: whether the arm that it is compared with is above its own floor.
    """

    arm: str
    values: Mapping[int, float]
    sample: Sample
    difference: Difference | None = None
    over_pictures: Interval | None = None
    pictures: int = 0
    floor: Interval | None = None
    baseline_has_learned: bool = True

    @property
    def has_learned(self) -> bool:
        """Whether the mean is above what random weights may reach; not known counts as yes.

        Only for metrics of which more is better: floors are measured for no others.
        """
        # Above the whole interval: a mean inside it may be random weights' as well.
        return self.floor is None or self.sample.mean > self.floor.high

    @property
    def verdict(self) -> str:
        """What is said of the arm, in a few words."""
        if self.difference is None:
            return "baseline"
        return limit_verdict(
            self.difference.verdict,
            is_shown=self.difference.is_shown,
            has_learned=self.has_learned,
            baseline_has_learned=self.baseline_has_learned,
        )

    @property
    def pictures_tell(self) -> bool:
        """Whether other test pictures would leave the sign of the difference.

        Not known counts as yes.
        """
        seen = self.over_pictures
        return seen is None or not seen.low <= 0 <= seen.high


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One metric of a study.

    arms: every arm that has a finished trial, in the order of the plan.
    effects: those of a factorial plan, by name.
    has_baseline: whether the baseline is among the arms.
    """

    metric: Metric
    arms: Sequence[ArmFinding]
    effects: Mapping[str, Difference]
    has_baseline: bool

    @property
    def is_claim(self) -> bool:
        """Whether verdicts are claims: on the metric that the plan named before its trials ran."""
        return self.metric.main

    @property
    def standing(self) -> str:
        """What verdicts on this metric are worth, in two words."""
        return "main metric" if self.is_claim else "exploratory"

    @property
    def decimals(self) -> int:
        """Decimals that show two digits of the spread."""
        samples = [arm.sample for arm in self.arms]
        return decimals_for(
            [sample.deviation for sample in samples], [sample.mean for sample in samples]
        )

    @property
    def change_decimals(self) -> int:
        """Decimals that show two digits of the spread of differences.

        Pairing makes that spread smaller; at most three more than for means.
        """
        changes = [arm.difference.sample for arm in self.arms if arm.difference is not None]
        # Without a spread (one seed) differences get the decimals of means.
        spreads = [change.deviation for change in changes]
        if not any(spreads):
            return self.decimals
        finer = decimals_for(spreads, [change.mean for change in changes])
        return max(self.decimals, min(finer, self.decimals + 3))

    def named(self, verdict: str) -> list[ArmFinding]:
        """The arms of one verdict, largest difference first."""
        # The baseline has a verdict of its own and no difference.
        arms = [arm for arm in self.arms if arm.difference and arm.verdict == verdict]
        return sorted(
            arms, key=lambda arm: -abs(arm.difference.sample.mean) if arm.difference else 0.0
        )


def find(record: StudyRecord) -> list[Finding]:
    """Judge every metric of which a trial has a number, the main one first.

    Waiting and failed trials have none.
    """
    # A stable sort: exploratory metrics keep the order of the plan.
    metrics = sorted(record.metrics, key=lambda metric: not metric.main)
    findings = [_judge_metric(record, metric) for metric in metrics]
    return [finding for finding in findings if finding.arms]


def _judge_metric(record: StudyRecord, metric: Metric) -> Finding:
    """Compare the arms by one metric."""
    values = {arm.name: record.numbers(metric.name, arm.name) for arm in record.arms}
    values = {arm: numbers for arm, numbers in values.items() if numbers}
    # All arms at once, because the correction runs over all comparisons of a metric.
    differences: Mapping[str, Difference] = {}
    if record.baseline in values:
        differences = compare_to_baseline(
            values, record.baseline, metric.larger_is_better, metric.main
        )
    base = _floor(record, metric, record.baseline)
    baseline_has_learned = (
        base is None
        or record.baseline not in values
        or summarize(values[record.baseline]).mean > base.high
    )
    arms = []
    for arm, numbers in values.items():
        # Over test pictures too, where answers were kept: the other source of chance.
        answers = _paired_answers(record, metric.name, arm)
        arms.append(
            ArmFinding(
                arm=arm,
                values=numbers,
                sample=summarize(numbers),
                difference=differences.get(arm),
                over_pictures=bootstrap_interval(answers) if len(answers) else None,
                pictures=len(answers),
                floor=_floor(record, metric, arm),
                baseline_has_learned=baseline_has_learned,
            )
        )
    return Finding(
        metric=metric,
        arms=arms,
        effects=_effects(record, metric, values),
        has_baseline=record.baseline in values,
    )


def _floor(record: StudyRecord, metric: Metric, arm: str) -> Interval | None:
    """What random weights of the arm's shape reach."""
    # Studies of older versions have no floors.
    known = record.floors.get(arm, {}).get(metric.name)
    return None if known is None else Interval(known["value"], known["low"], known["high"])


def _effects(
    record: StudyRecord, metric: Metric, values: Mapping[str, Mapping[int, float]]
) -> Mapping[str, Difference]:
    """Effects of a factorial plan, or of each group of ablations, once seeds have finished.

    Levels of which no arm could run here are left out, where the rest is a whole design.
    """
    cells = {arm.name: arm.levels for arm in record.arms}
    # Plans of single arms have no factors.
    if len(cells) < 2 or not all(cells.values()):
        return {}
    effects: dict[str, Difference] = {}
    for design in split_designs(cells):
        # Each arm against the baseline says the same already.
        if record.baseline in design and not has_several_factors(design):
            continue
        finished = {arm: levels for arm, levels in design.items() if arm in values}
        numbers = {arm: values[arm] for arm in finished}
        # Effects use the seeds that all arms share, and there may be none yet.
        seeds = [set(by_seed) for by_seed in numbers.values()]
        has_seeds = len(seeds) > 1 and set.intersection(*seeds)
        if has_seeds and is_whole(finished, design):
            effects |= measure_effects(numbers, finished, metric.larger_is_better, metric.main)
    return effects


def _paired_answers(record: StudyRecord, metric: str, arm: str) -> np.ndarray:
    """Mean difference (n,) of each test picture over the seeds that both arms have.

    Empty for the baseline and where no answers were kept.
    """
    nothing = np.zeros(0)
    if arm == record.baseline:
        return nothing
    answers = _answers(record, metric, arm)
    base = _answers(record, metric, record.baseline)
    shared = [seed for seed in sorted(set(answers) & set(base)) if _fit(answers[seed], base[seed])]
    # Pictures can be averaged over seeds only where every seed was tested on as many.
    if len({len(answers[seed]) for seed in shared}) != 1 or not len(answers[shared[0]]):
        return nothing
    return np.mean([answers[seed] - base[seed] for seed in shared], axis=0)


def _answers(record: StudyRecord, metric: str, arm: str) -> dict[int, np.ndarray]:
    """Right (1) or wrong (0) per test picture (n,), by seed."""
    return {
        trial.seed: _flags(trial.per_image[metric])
        for trial in record.finished(arm)
        if metric in trial.per_image
    }


def _fit(answers: np.ndarray, others: np.ndarray) -> bool:
    return len(answers) == len(others)


def _flags(text: str) -> np.ndarray:
    """Text of 0 and 1 as numbers (n,)."""
    return np.frombuffer(text.encode(), dtype=np.uint8).astype(np.float64) - ord("0")
