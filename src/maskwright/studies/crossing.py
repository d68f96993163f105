"""The cross-policy matrix: every arm's model fills in pictures under every arm's masks, which tells
habit from skill.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from maskwright.studies.measures import CROSS, MeasureSettings
from maskwright.studies.measuring import cross_policies
from maskwright.studies.progress import QuietStream
from maskwright.studies.record import StudyRecord, TrialRecord
from maskwright.studies.trial import RECORD
from maskwright.support.files import read_json, write_json
from maskwright.support.reporting import Reporter


def add_cross(
    record: StudyRecord, folder: Path, measures: MeasureSettings, reporter: Reporter
) -> StudyRecord:
    """The record with numbers `psnr of masks by ARM` in every finished trial whose run lies on this
    machine, from the disk where known.
    """
    trials = {trial.key: trial for trial in record.trials}
    for seed in record.seeds:
        runs = {
            trial.arm: folder / trial.run
            for trial in record.finished()
            if trial.seed == seed and trial.run is not None
        }
        runs = {arm: run for arm, run in runs.items() if (run / "run.json").exists()}
        reporter.progress(
            "cross-policy matrix", record.seeds.index(seed), len(record.seeds), f"seed {seed}"
        )
        for (arm, masks), decibels in _matrix(folder, seed, runs, measures, reporter).items():
            trial = trials[arm, seed]
            trials[arm, seed] = replace(
                trial, numbers={**trial.numbers, f"{CROSS}{masks}": decibels}
            )
    reporter.finish()
    return replace(record, trials=tuple(trials[trial.key] for trial in record.trials))


def _matrix(
    folder: Path, seed: int, runs: dict[str, Path], measures: MeasureSettings, reporter: Reporter
) -> dict[tuple[str, str], float]:
    """The matrix of one seed, measured once for the same set of runs."""
    file = folder / "cross" / f"seed{seed}.json"
    made = {arm: _stamp(run) for arm, run in runs.items()}
    if file.exists() and (kept := read_json(file))["runs"] == made:
        return {(model, masks): value for model, masks, value in kept["psnr"]}
    found = cross_policies(runs, measures, QuietStream(reporter)) if runs else {}
    write_json(
        file,
        {"runs": made, "psnr": [[model, masks, value] for (model, masks), value in found.items()]},
    )
    return found


def _stamp(run: Path) -> str:
    """When a run's trial ended, so that another run in its place is measured anew."""
    return TrialRecord.from_dict(read_json(run.parent / RECORD)).ended or ""
