"""The figures of a report as SVG: arms with intervals, differences to the baseline, what accuracy
cost, and how arms learned.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from maskwright.evaluation.metrics import Interval
from maskwright.studies.findings import ArmFinding, Finding, title_of
from maskwright.studies.record import StudyRecord
from maskwright.studies.report.tables import amount, kind_of
from maskwright.visual.study import Cost, Dot, frontier_plot, interval_plot, learning_plot
from maskwright.visual.svg import to_svg

Rows = Mapping[tuple[str, int], Sequence[Mapping[str, Any]]]
"""Rows of metrics.jsonl by (arm, seed)."""

_COSTS = {"flops": "TFLOPs of training", "minutes": "minutes of training"}
_CURVES = {
    "val_loss_random75": (
        "held-out loss",
        "Loss on held-out pictures under the same random masks of 75%",
    ),
    "knn_top1": ("k-NN accuracy", "Accuracy of k-NN on held-out pictures"),
    "val_loss": (
        "held-out loss, own masks",
        (
            "Loss on held-out pictures under each arm's own masks, which does not compare between"
            " policies"
        ),
    ),
}
LONGEST = 30
"""Letters of an arm's name in a figure; tables carry names in full."""
APART = 0.02
"""Costs that differ by less than this share are one cost: a frontier would order noise."""


@dataclass(frozen=True)
class Drawing:
    """An <svg> element with a caption."""

    svg: str
    caption: str


def interval_drawings(record: StudyRecord, finding: Finding) -> list[Drawing]:
    """The arms' means and, where there is a baseline, their differences to it."""
    title, baseline, labels = title_of(finding.metric), record.baseline, short_labels(record)
    means = [
        _dot(one, labels, one.sample.mean, one.sample.interval, list(one.values.values()))
        for one in finding.arms
    ]
    drawn = [
        Drawing(
            to_svg(interval_plot(means, title), f"Means of {title} by arm"),
            "Means over seeds, with 95% t intervals from three seeds on; small dots are seeds.",
        )
    ]
    base = next((one.values for one in finding.arms if one.arm == baseline), {})
    changes = [
        _dot(
            one,
            labels,
            change.mean,
            change.interval,
            [one.values[seed] - base[seed] for seed in change.seeds],
        )
        for one, change in (
            (one, one.difference.sample) for one in finding.arms if one.difference is not None
        )
    ]
    if changes:
        svg = to_svg(
            interval_plot(changes, f"{title}, arm minus baseline", zero=True),
            f"Differences of {title} to {baseline} by arm",
        )
        drawn.append(
            Drawing(
                svg,
                f"Differences to {baseline}, paired by seed, with 95% paired t intervals (before"
                " correction) from three seeds on.",
            )
        )
    return drawn


def frontier_drawings(record: StudyRecord, finding: Finding) -> list[Drawing]:
    """Accuracy against compute, in every currency in which the arms differ; numbers are the arms in
    the order of the tables.
    """
    drawn, labels = [], short_labels(record)
    for currency, label in _COSTS.items():
        costs = [(one, _mean_cost(record, one.arm, currency)) for one in finding.arms]
        known = [
            Cost(dot=_dot(one, labels, one.sample.mean, one.sample.interval, ()), spent=spent)
            for one, spent in costs
            if spent is not None
        ]
        if len(known) < 2 or max(one.spent for one in known) <= (1 + APART) * min(
            one.spent for one in known
        ):
            continue
        figure = frontier_plot(
            known, label, title_of(finding.metric), finding.metric.larger_is_better
        )
        names = ", ".join(
            f"{number} {cost.dot.label}" for number, cost in enumerate(known, start=1)
        )
        drawn.append(
            Drawing(
                to_svg(figure, f"{title_of(finding.metric)} against {label}"),
                f"{names}. The line joins arms that none beats in both.",
            )
        )
    return drawn


def learning_drawings(record: StudyRecord, rows: Rows) -> list[Drawing]:
    """How each arm learned, the mean over its seeds, against the compute spent so far."""
    drawn, labels = [], short_labels(record)
    by_flops = all(trial.compute is not None and trial.compute.flops for trial in record.finished())
    for key, (label, words) in _CURVES.items():
        curves = {
            labels[arm.name]: _curve(record, rows, arm.name, key, by_flops) for arm in record.arms
        }
        curves = {name: points for name, points in curves.items() if len(points) > 1}
        if curves:
            figure = learning_plot(curves, "TFLOPs of training" if by_flops else "step", label)
            drawn.append(
                Drawing(to_svg(figure, f"{label} over training"), f"{words}; means over seeds.")
            )
    return drawn[:2]


def short_labels(record: StudyRecord) -> dict[str, str]:
    """Names of arms that leave room for the numbers: levels alone in a factorial plan, long ones
    cut, numbered where two are alike.
    """
    cut = {
        arm.name: _cut(" · ".join(map(str, arm.levels.values())) or arm.name) for arm in record.arms
    }
    taken = list(cut.values())
    return {
        name: f"{number} {label}" if taken.count(label) > 1 else label
        for number, (name, label) in enumerate(cut.items(), start=1)
    }


def _cut(text: str) -> str:
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}…"


def _dot(
    one: ArmFinding,
    labels: Mapping[str, str],
    mean: float,
    interval: Interval | None,
    points: Sequence[float],
) -> Dot:
    low, high = (interval.low, interval.high) if interval else (None, None)
    return Dot(
        label=labels[one.arm],
        mean=mean,
        low=low,
        high=high,
        points=points,
        kind=kind_of(one.verdict),
    )


def _mean_cost(record: StudyRecord, arm: str, currency: str) -> float | None:
    found = [amount(trial.compute, currency) for trial in record.finished(arm)]
    known = [value for value in found if value is not None]
    return float(np.mean(known)) if known else None


def _curve(
    record: StudyRecord, rows: Rows, arm: str, key: str, by_flops: bool
) -> list[tuple[float, float]]:
    """Mean over seeds at every step that all of the arm's finished trials have."""
    trials = [trial for trial in record.finished(arm) if rows.get(trial.key)]
    series = [
        {int(row["step"]): float(row[key]) for row in rows[trial.key] if row.get(key) is not None}
        for trial in trials
    ]
    steps = sorted(set.intersection(*map(set, series))) if series else []
    compute = trials[0].compute if trials else None
    price = (
        compute.flops / compute.steps / 1e12
        if by_flops and compute is not None and compute.flops and compute.steps
        else 1.0
    )
    return [(step * price, float(np.mean([one[step] for one in series]))) for step in steps]
