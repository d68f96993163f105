"""What random weights reach under a study's probes.

An encoder that is no better has learned nothing that the probe could see.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from maskwright.studies.measures import MeasureSettings
from maskwright.studies.probing import evaluate_probes, read_metrics
from maskwright.studies.progress import QuietStream
from maskwright.studies.record import AnyRecord, TrialRecord
from maskwright.support.errors import MaskwrightError
from maskwright.support.files import read_json, write_json
from maskwright.support.reporting import Reporter
from maskwright.workflows.measuring.subjects import RANDOM

FILE = "random_weights.json"
_SHAPE = (
    "image_size",
    "channels",
    "model",
    "patch_size",
    "width",
    "depth",
    "heads",
    "positions",
    "class_token",
    "class_tokens",
    "registers",
)
"""Settings that shape an encoder: arms that agree in them share one measurement."""

Floor = Mapping[str, Mapping[str, float]]
"""Metric -> value, low and high of a 95% bootstrap interval over test pictures."""


def add_random_weights(
    record: AnyRecord, folder: Path, measures: MeasureSettings, reporter: Reporter
) -> AnyRecord:
    """The record with what random weights of each arm's shape reach.

    They are measured once per shape and kept in the study's folder.

    Probes that train the encoder itself are left out unless the plan asks for them (`scratch`):
    from random weights they are a training from scratch, a question of its own.
    """
    # Without such probes there is no floor to measure.
    probes = measures.floor_probes()
    if not probes:
        return record
    kept: dict[str, Any] = read_json(folder / FILE) if (folder / FILE).exists() else {}
    floors: dict[str, Floor] = {}
    for arm in record.arms:
        # Any finished trial will do: it lends its shape and settings, not its weights.
        trial = next(iter(record.finished(arm.name)), None)
        if trial is None or trial.run is None:
            continue
        # The key in the file, in words that a reader of the file understands.
        shape = ", ".join(f"{name} {trial.settings.get(name)}" for name in _SHAPE)
        if shape not in kept and (folder / trial.run / "run.json").exists():
            reporter.progress("random weights", len(kept), len(kept) + 1, arm.name)
            try:
                kept[shape] = _measure(folder / trial.run, trial, probes, measures, reporter)
            except MaskwrightError as error:
                # The trials are done, and their report must not be lost for this.
                reporter.warn(f"Random weights could not be measured beside the arms: {error}")
                continue
            write_json(folder / FILE, kept)
        if shape in kept:
            floors[arm.name] = kept[shape]
    reporter.finish()
    return replace(record, floors=floors)


def _measure(
    run: Path,
    trial: TrialRecord,
    probes: list[str],
    measures: MeasureSettings,
    reporter: Reporter,
) -> Floor:
    """Measure random weights in the shape of a run, as its own weights were measured."""
    # RANDOM has the shape of the encoder before it, which is measured too but not used.
    results = evaluate_probes(
        [run, RANDOM],
        measures,
        probes,
        str(trial.settings.get("device", "auto")),
        QuietStream(reporter),
    )
    return {name: dict(interval) for name, interval in read_metrics(results[RANDOM])}
