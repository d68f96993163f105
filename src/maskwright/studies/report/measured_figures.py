"""More figures of a report: terms of the loss, accuracies side by side, kept epochs."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from maskwright.diagnostics.interval_charts import interval_bars
from maskwright.studies.findings import Finding
from maskwright.studies.metrics import PROBE_METRICS
from maskwright.studies.probing import AT_EPOCH
from maskwright.studies.record import StudyRecord
from maskwright.studies.report.figures import CURVES, Drawing, Rows, mean_curve, short_labels
from maskwright.visual.charts import BarPanel, bar_chart
from maskwright.visual.study import learning_plot
from maskwright.visual.svg import to_svg

TOP1 = PROBE_METRICS[0].key


def term_drawings(record: StudyRecord, rows: Rows) -> list[Drawing]:
    """How every term of the losses went, in training and on held-out pictures."""
    labels = short_labels(record)
    # Terms differ by arm, so columns are those that any of them has.
    columns = dict.fromkeys(key for trial in rows.values() for row in trial for key in row)
    drawings = []
    for key in columns:
        # Such as loss_laplacian and val_loss_laplacian; the total is drawn by itself.
        term = key.removeprefix("val_").removeprefix("loss_")
        if key not in (f"loss_{term}", f"val_loss_{term}") or key in CURVES:
            continue
        where = "on held-out pictures" if key.startswith("val_") else "in training"
        curves = {}
        for arm in record.arms:
            points = mean_curve(record, rows, arm.name, key, by_flops=False)
            if len(points) > 1:
                curves[labels[arm.name]] = points
        if curves:
            svg = to_svg(learning_plot(curves, "step", term), f"{term} {where}")
            drawings.append(Drawing(svg, f"The term {term} {where}; means over seeds."))
    return drawings


def accuracy_drawings(record: StudyRecord, findings: Sequence[Finding]) -> list[Drawing]:
    """Top-1 of every probe side by side, a bar per arm, with random weights beside them."""
    probes = {}
    for finding in findings:
        probe = finding.metric.name.removesuffix(f" {TOP1}")
        if probe != finding.metric.name:
            probes[probe] = finding
    # One probe is in the figure of its own metric already.
    if len(probes) < 2:
        return []
    labels = short_labels(record)
    series = []
    for arm in record.arms:
        bars = {name: _bar(finding, arm.name) for name, finding in probes.items()}
        series.append(interval_bars(labels[arm.name], bars))
    floors = {name: _floor_bar(finding) for name, finding in probes.items()}
    if any(floor["value"] is not None for floor in floors.values()):
        series.append(interval_bars("random weights", floors, is_reference=True))
    title = "Top-1 by probe, means over seeds with 95% t intervals"
    figure = bar_chart(BarPanel("", "top-1", series), title)
    return [Drawing(to_svg(figure, title), f"{title}; of random weights over test pictures.")]


def epoch_drawings(record: StudyRecord) -> list[Drawing]:
    """Top-1 of the frozen probes on the epochs that runs kept, a line per arm."""
    labels = short_labels(record)
    names = dict.fromkeys(name for trial in record.finished() for name in trial.numbers)
    metrics = dict.fromkeys(name.partition(AT_EPOCH)[0] for name in names if AT_EPOCH in name)
    drawings = []
    for metric in metrics:
        # Epochs that an arm did not reach have no number there.
        curves = {}
        for arm in record.arms:
            points = []
            for name in names:
                head, _, epoch = name.partition(AT_EPOCH)
                numbers = record.numbers(name, arm.name)
                if head == metric and epoch and numbers:
                    points.append((float(epoch), float(np.mean(list(numbers.values())))))
            if points:
                curves[labels[arm.name]] = sorted(points)
        svg = to_svg(learning_plot(curves, "epoch", metric), f"{metric} of kept epochs")
        words = f"{metric} on the weights that were kept on the way; means over seeds."
        drawings.append(Drawing(svg, words))
    return drawings


def _bar(finding: Finding, name: str) -> dict[str, float | None]:
    """The mean of an arm under one metric with its interval, as the chart takes it."""
    for arm in finding.arms:
        if arm.arm == name:
            interval = arm.sample.interval
            ends = (None, None) if interval is None else (interval.low, interval.high)
            return {"value": arm.sample.mean, "low": ends[0], "high": ends[1]}
    return {"value": None, "low": None, "high": None}


def _floor_bar(finding: Finding) -> dict[str, float | None]:
    """What random weights reach; arms of several shapes differ little, so the first counts."""
    floors = [arm.floor for arm in finding.arms if arm.floor is not None]
    if not floors:
        return {"value": None, "low": None, "high": None}
    return dict(floors[0].to_dict())
