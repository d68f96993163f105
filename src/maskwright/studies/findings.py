"""What a study found: for each metric the arms, their differences to the baseline and the verdict,
as values and as lines to print.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from maskwright.evaluation.metrics import Interval, bootstrap_interval
from maskwright.studies.factorial import measure_effects
from maskwright.studies.record import Metric, StudyRecord
from maskwright.studies.statistics import Difference, Sample, compare_to_baseline, summarize


@dataclass(frozen=True, kw_only=True)
class ArmFinding:
    """One arm under one metric: its numbers by seed, and its difference to the baseline where it
    has one.

    over_pictures: the mean difference on the same test pictures with its bootstrap interval, seeds
        taken as they are; where answers were kept per picture.
    pictures: how many those are.
    floor: what random weights reach, with an interval over test pictures.
    """

    arm: str
    values: Mapping[int, float]
    sample: Sample
    difference: Difference | None = None
    over_pictures: Interval | None = None
    pictures: int = 0
    floor: Interval | None = None

    @property
    def has_learned(self) -> bool:
        """Whether the mean is above what random weights may reach; not known counts as yes. For
        metrics of which more is better.
        """
        return self.floor is None or self.sample.mean > self.floor.high

    @property
    def verdict(self) -> str:
        return "baseline" if self.difference is None else self.difference.verdict

    @property
    def pictures_tell(self) -> bool:
        """Whether another draw of as many test pictures would leave the sign of the difference; not
        known counts as yes.
        """
        seen = self.over_pictures
        return seen is None or not seen.low <= 0 <= seen.high


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One metric of a study with every arm that has a finished trial, and the effects of a
    factorial plan.
    """

    metric: Metric
    arms: Sequence[ArmFinding]
    effects: Mapping[str, Difference]
    has_baseline: bool

    @property
    def is_claim(self) -> bool:
        """Whether verdicts on this metric are claims: those of the main metric, which the plan
        named before its trials ran.
        """
        return self.metric.main

    @property
    def decimals(self) -> int:
        """Decimals that show two digits of the spread."""
        return decimals_for(
            [one.sample.deviation for one in self.arms], [one.sample.mean for one in self.arms]
        )

    @property
    def change_decimals(self) -> int:
        """Decimals that show two digits of the spread of differences, which pairing makes smaller;
        at most three more than for means.
        """
        changes = [one.difference.sample for one in self.arms if one.difference is not None]
        own = (
            decimals_for([one.deviation for one in changes], [one.mean for one in changes])
            if any(one.deviation for one in changes)
            else 0
        )
        return max(self.decimals, min(own, self.decimals + 3))

    def named(self, verdict: str) -> list[ArmFinding]:
        """The arms of one verdict, largest difference first."""
        some = [
            one
            for one in self.arms
            if one.difference is not None and one.difference.verdict == verdict
        ]
        return sorted(
            some, key=lambda one: -abs(one.difference.sample.mean) if one.difference else 0.0
        )


def find(record: StudyRecord) -> list[Finding]:
    """Judge every metric of which a trial has a number, the main ones first; waiting and failed
    trials have none.
    """
    findings = [
        _judge_metric(record, metric)
        for metric in sorted(record.metrics, key=lambda metric: not metric.main)
    ]
    return [finding for finding in findings if finding.arms]


def format_findings(record: StudyRecord) -> list[str]:
    """The verdict tables as lines of text, for a console."""
    lines: list[str] = []
    for finding in find(record):
        lines += [f"{title_of(finding.metric)} ({way_words(finding.metric)}; {standing(finding)})"]
        width = max(len(one.arm) for one in finding.arms)
        for one in finding.arms:
            cells = [
                f"  {one.arm:<{width}}",
                f"{format_interval(one.sample.mean, one.sample.interval, finding.decimals):<26}",
            ]
            if one.difference is not None:
                change = one.difference.sample
                cells.append(
                    f"{format_interval(change.mean, change.interval, finding.change_decimals, signed=True):<28}"
                )
                cells.append(
                    "" if one.difference.holm is None else f"p {compare_p(one.difference.holm)}"
                )
            cells.append(one.verdict)
            lines.append("  ".join(cell for cell in cells if cell).rstrip())
    if lines and (silent := record.silent()):
        lines.append(f"no finished trial: {', '.join(silent)}")
    return lines or ["No trial has finished yet, so there is nothing to compare."]


def standing(finding: Finding) -> str:
    """What verdicts on a metric are worth, in two words."""
    return "main metric" if finding.is_claim else "exploratory"


def way_words(metric: Metric) -> str:
    """Which way is better."""
    return f"{'larger' if metric.larger_is_better else 'smaller'} is better"


def title_of(metric: Metric) -> str:
    """A metric's name with its unit."""
    return f"{metric.name} ({metric.unit})" if metric.unit else metric.name


def format_interval(
    mean: float, interval: Interval | None, decimals: int, signed: bool = False
) -> str:
    """A mean with its interval: 0.512 [0.498, 0.526]."""
    plus = "+" if signed else ""
    value = f"{mean:{plus}.{decimals}f}"
    return (
        value
        if interval is None
        else f"{value} [{interval.low:{plus}.{decimals}f}, {interval.high:{plus}.{decimals}f}]"
    )


def compare_p(p: float) -> str:
    """A p value behind the letter p: `= 0.012`, or `< 0.001`."""
    return f"= {p:.3f}" if p >= 0.001 else "< 0.001"


def decimals_for(spreads: Sequence[float | None], means: Sequence[float]) -> int:
    """How many decimals show two digits of the typical spread, or three of the mean where there is
    no spread; six at most.
    """
    known = [spread for spread in spreads if spread]
    typical, digits = (
        (float(np.median(known)), 1)
        if known
        else (max((abs(mean) for mean in means), default=1.0) or 1.0, 2)
    )
    return int(np.clip(digits - math.floor(math.log10(typical)), 0, 6))


def _judge_metric(record: StudyRecord, metric: Metric) -> Finding:
    values = {arm.name: record.numbers(metric.name, arm.name) for arm in record.arms}
    values = {arm: numbers for arm, numbers in values.items() if numbers}
    has_baseline = record.baseline in values
    differences = (
        compare_to_baseline(values, record.baseline, metric.larger_is_better, metric.main)
        if has_baseline
        else {}
    )
    arms = []
    for arm, numbers in values.items():
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
            )
        )
    return Finding(
        metric=metric,
        arms=arms,
        effects=_effects(record, metric, values),
        has_baseline=has_baseline,
    )


def _floor(record: StudyRecord, metric: Metric, arm: str) -> Interval | None:
    """What random weights of the arm's shape reach."""
    known = record.floors.get(arm, {}).get(metric.name)
    return None if known is None else Interval(known["value"], known["low"], known["high"])


def _effects(
    record: StudyRecord, metric: Metric, values: Mapping[str, Mapping[int, float]]
) -> Mapping[str, Difference]:
    """Effects of a factorial plan, once a seed has finished in every arm."""
    cells = {arm.name: arm.levels for arm in record.arms}
    complete = (
        all(cells.values())
        and len(cells) > 1
        and set(values) == set(cells)
        and bool(set.intersection(*map(set, values.values())))
    )
    return measure_effects(values, cells, metric.larger_is_better, metric.main) if complete else {}


def _paired_answers(record: StudyRecord, metric: str, arm: str) -> np.ndarray:
    """Mean difference (n,) of each test picture over the seeds that both arms have; empty for the
    baseline and where none were kept.
    """
    if arm == record.baseline:
        return np.zeros(0)
    ours, base = ({trial.seed: trial.per_image[metric] for trial in record.finished(name) if metric in trial.per_image}
                  for name in (arm, record.baseline))  # fmt: skip
    pairs = [
        (_flags(ours[seed]), _flags(base[seed]))
        for seed in sorted(set(ours) & set(base))
        if len(ours[seed]) == len(base[seed])
    ]
    if not pairs or len({len(one) for one, _ in pairs}) > 1 or not len(pairs[0][0]):
        return np.zeros(0)
    return np.mean([one - other for one, other in pairs], axis=0)


def _flags(text: str) -> np.ndarray:
    return np.frombuffer(text.encode(), dtype=np.uint8).astype(np.float64) - ord("0")
