"""The results of a study in one flat file: for each arm its numbers and what they took."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from maskwright.evaluation.metrics import Interval
from maskwright.studies.record import Arm, StudyRecord, TrialRecord
from maskwright.studies.samples import summarize
from maskwright.support.files import write_json

RESULTS = "results.json"


def write_results(record: StudyRecord, folder: Path) -> Path:
    """Write results.json: arm -> means over seeds, and every seed with its minutes of training."""
    # One file for whoever wants numbers and no page.
    results = {
        "question": record.question,
        "metrics": {metric.name: metric.title for metric in record.metrics},
        "random weights": record.floors,
        "arms": {arm.name: describe_arm(record, arm) for arm in record.arms},
    }
    path = folder / RESULTS
    write_json(path, results)
    return path


def describe_arm(record: StudyRecord, arm: Arm) -> dict[str, Any]:
    """An arm's settings, the means of all its numbers with intervals, and its trials."""
    trials = record.finished(arm.name)
    names = dict.fromkeys(name for trial in trials for name in trial.numbers)
    means = {}
    for name in names:
        sample = summarize(record.numbers(name, arm.name))
        means[name] = {
            "mean": sample.mean,
            "deviation": sample.deviation,
            "interval": _interval(sample.interval),
        }
    return {
        "settings": {**arm.settings, **({"select": arm.select} if arm.select else {})},
        "means": means,
        "seeds": {str(trial.seed): _describe_trial(trial) for trial in trials},
    }


def _describe_trial(trial: TrialRecord) -> dict[str, Any]:
    """The numbers of one seed beside what its pretraining took."""
    # A trial of an older version may not know what it spent.
    compute = trial.compute
    spent = {} if compute is None else {"steps": compute.steps, "flops": compute.flops}
    seconds = None if compute is None else compute.seconds
    return {
        "pretraining_minutes": None if seconds is None else round(seconds / 60, 3),
        **spent,
        "numbers": dict(trial.numbers),
    }


def _interval(interval: Interval | None) -> list[float] | None:
    return None if interval is None else [interval.low, interval.high]
