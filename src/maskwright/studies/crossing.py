"""The cross-policy matrix: every model fills in pictures under every arm's masks.

It tells habit from skill: a model that is good under its own masks alone has learned them.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from maskwright.studies.measures import MeasureSettings
from maskwright.studies.measuring import cross_policies
from maskwright.studies.metrics import PSNR
from maskwright.studies.progress import QuietStream
from maskwright.studies.record import AnyRecord, TrialRecord
from maskwright.studies.trial import RECORD
from maskwright.support.files import read_json, write_json
from maskwright.support.reporting import Reporter


def add_cross(
    record: AnyRecord, folder: Path, measures: MeasureSettings, reporter: Reporter
) -> AnyRecord:
    """The record with numbers `psnr of masks by ARM` in every finished trial.

    Trials count whose run lies on this machine; what an earlier call measured is read from disk.
    """
    trials = {trial.key: trial for trial in record.trials}
    for number, seed in enumerate(record.seeds):
        # Within one seed only: another seed holds out other pictures.
        runs = {
            trial.arm: folder / trial.run
            for trial in record.finished()
            if trial.seed == seed and trial.run is not None
        }
        runs = {arm: run for arm, run in runs.items() if (run / "run.json").exists()}
        reporter.progress("cross-policy matrix", number, len(record.seeds), f"seed {seed}")
        matrix = _matrix(folder, seed, runs, measures, reporter)
        for (arm, masks), decibels in matrix.items():
            trial = trials[arm, seed]
            numbers = {**trial.numbers, PSNR.crossed_name(masks): decibels}
            trials[arm, seed] = replace(trial, numbers=numbers)
    reporter.finish()
    # The order of the trials stays as it was.
    return replace(record, trials=tuple(trials[trial.key] for trial in record.trials))


def _matrix(
    folder: Path, seed: int, runs: dict[str, Path], measures: MeasureSettings, reporter: Reporter
) -> dict[tuple[str, str], float]:
    """The matrix of one seed, measured once for the same set of runs."""
    file = folder / "cross" / f"seed{seed}.json"
    stamps = {arm: _stamp(run) for arm, run in runs.items()}
    if file.exists() and (kept := read_json(file))["runs"] == stamps:
        return {(model, masks): value for model, masks, value in kept["psnr"]}
    matrix = cross_policies(runs, measures, QuietStream(reporter)) if runs else {}
    # JSON has no pairs as keys, so the matrix is kept as rows.
    rows = [[model, masks, value] for (model, masks), value in matrix.items()]
    write_json(file, {"runs": stamps, "psnr": rows})
    return matrix


def _stamp(run: Path) -> str:
    """When a run's trial ended, so that another run in its place is measured anew."""
    return TrialRecord.from_dict(read_json(run.parent / RECORD)).ended or ""
