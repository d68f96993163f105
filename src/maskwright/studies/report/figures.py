"""The figures of a report as SVG: arms, differences, what accuracy cost, how arms learned."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from maskwright.evaluation.metrics import Interval
from maskwright.studies.findings import ArmFinding, Finding
from maskwright.studies.record import StudyRecord
from maskwright.studies.report.tables import amount, kind_of
from maskwright.visual.study import Cost, Dot, frontier_plot, interval_plot, learning_plot
from maskwright.visual.svg import to_svg

Rows = Mapping[tuple[str, int], Sequence[Mapping[str, Any]]]
"""Rows of metrics.jsonl by (arm, seed)."""

_COSTS = {"flops": "TFLOPs of training", "minutes": "minutes of training"}
CURVES = {
    "val_loss_random75": (
        "held-out loss",
        "Loss on held-out pictures under the same random masks of 75%",
    ),
    "knn_top1": ("k-NN accuracy", "Accuracy of k-NN on held-out pictures"),
    "val_loss": (
        "held-out loss, own masks",
        "Loss on held-out pictures under each arm's own masks, which does not compare between"
        " policies",
    ),
}
"""Columns of metrics.jsonl, the best one first: label of the axis, and caption."""
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
    title = finding.metric.title
    baseline = record.baseline
    labels = short_labels(record)
    means = [
        _dot(arm, labels, arm.sample.mean, arm.sample.interval, list(arm.values.values()))
        for arm in finding.arms
    ]
    drawings = [
        Drawing(
            to_svg(interval_plot(means, title), f"Means of {title} by arm"),
            "Means over seeds, with 95% t intervals from three seeds on; small dots are seeds.",
        )
    ]
    # Differences stand in a figure of their own, because pairing makes them far more exact.
    base = next((arm.values for arm in finding.arms if arm.arm == baseline), {})
    changes = []
    for arm in finding.arms:
        if arm.difference is not None:
            change = arm.difference.sample
            points = [arm.values[seed] - base[seed] for seed in change.seeds]
            changes.append(_dot(arm, labels, change.mean, change.interval, points))
    if changes:
        figure = interval_plot(changes, f"{title}, arm minus baseline", zero=True)
        drawings.append(
            Drawing(
                to_svg(figure, f"Differences of {title} to {baseline} by arm"),
                f"Differences to {baseline}, paired by seed, with 95% paired t intervals (before"
                " correction) from three seeds on.",
            )
        )
    return drawings


def frontier_drawings(record: StudyRecord, finding: Finding) -> list[Drawing]:
    """The metric against compute, in every currency in which the arms differ.

    Numbers in a figure are the arms in the order of the tables.
    """
    drawings = []
    labels = short_labels(record)
    metric = finding.metric
    for currency, label in _COSTS.items():
        costs = []
        for arm in finding.arms:
            spent = _mean_cost(record, arm.arm, currency)
            if spent is not None:
                dot = _dot(arm, labels, arm.sample.mean, arm.sample.interval, ())
                costs.append(Cost(dot=dot, spent=spent))
        # Matched arms have no frontier in the currency that they were matched in.
        spends = [cost.spent for cost in costs]
        if len(costs) < 2 or max(spends) <= (1 + APART) * min(spends):
            continue
        figure = frontier_plot(costs, label, metric.title, metric.larger_is_better)
        names = [f"{number} {cost.dot.label}" for number, cost in enumerate(costs, start=1)]
        drawings.append(
            Drawing(
                to_svg(figure, f"{metric.title} against {label}"),
                f"{', '.join(names)}. The line joins arms that none beats in both.",
            )
        )
    return drawings


def learning_drawings(record: StudyRecord, rows: Rows) -> list[Drawing]:
    """How each arm learned, the mean over its seeds, against the compute spent so far."""
    drawings = []
    labels = short_labels(record)
    # One axis for all arms, so FLOPs only where every trial has counted them.
    by_flops = all(trial.compute is not None and trial.compute.flops for trial in record.finished())
    for key, (label, words) in CURVES.items():
        curves = {}
        for arm in record.arms:
            points = mean_curve(record, rows, arm.name, key, by_flops)
            # A single point is no curve.
            if len(points) > 1:
                curves[labels[arm.name]] = points
        if curves:
            figure = learning_plot(curves, "TFLOPs of training" if by_flops else "step", label)
            svg = to_svg(figure, f"{label} over training")
            drawings.append(Drawing(svg, f"{words}; means over seeds."))
    # The losses under own masks are a makeshift where the better columns are missing.
    return drawings[:2]


def short_labels(record: StudyRecord) -> dict[str, str]:
    """Names of arms that leave room for the numbers.

    A factorial plan's arms go by their levels alone. Long names are cut, and numbered where two
    are alike.
    """
    # Short names first, since cutting may make two of them alike.
    cut = {}
    for arm in record.arms:
        cut[arm.name] = _cut(" · ".join(map(str, arm.levels.values())) or arm.name)
    taken = list(cut.values())
    return {
        name: f"{number} {label}" if taken.count(label) > 1 else label
        for number, (name, label) in enumerate(cut.items(), start=1)
    }


def _cut(text: str) -> str:
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}…"


def _dot(
    arm: ArmFinding,
    labels: Mapping[str, str],
    mean: float,
    interval: Interval | None,
    points: Sequence[float],
) -> Dot:
    """An arm in a figure: a value with its interval, and the points that it is the mean of."""
    return Dot(
        label=labels[arm.arm],
        mean=mean,
        low=interval.low if interval else None,
        high=interval.high if interval else None,
        points=points,
        kind=kind_of(arm.verdict),
    )


def _mean_cost(record: StudyRecord, arm: str, currency: str) -> float | None:
    """What the finished trials of an arm spent; None where that is not known."""
    amounts = [amount(trial.compute, currency) for trial in record.finished(arm)]
    known = [value for value in amounts if value is not None]
    return float(np.mean(known)) if known else None


def mean_curve(
    record: StudyRecord, rows: Rows, arm: str, key: str, by_flops: bool
) -> list[tuple[float, float]]:
    """Mean over seeds at every step that all of the arm's finished trials have."""
    # Trials of which no run folder is at hand have no rows.
    trials = [trial for trial in record.finished(arm) if rows.get(trial.key)]
    series: list[dict[int, float]] = []
    for trial in trials:
        measured = [row for row in rows[trial.key] if row.get(key) is not None]
        series.append({int(row["step"]): float(row[key]) for row in measured})
    if not series:
        return []
    # One trial may have been measured at other steps than the rest.
    steps = sorted(set.intersection(*map(set, series)))
    # Steps cost the same throughout a training, near enough for an axis.
    price = 1.0
    compute = trials[0].compute
    if by_flops and compute is not None and compute.flops and compute.steps:
        price = compute.flops / compute.steps / 1e12
    curve = []
    for step in steps:
        of_trials = [values[step] for values in series]
        curve.append((step * price, float(np.mean(of_trials))))
    return curve
