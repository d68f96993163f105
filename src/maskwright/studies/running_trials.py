"""How far the trials are that other processes run, read from their run folders."""

from __future__ import annotations

from pathlib import Path

from maskwright.studies.plan import StudyPlan
from maskwright.studies.progress import RunningTrial
from maskwright.studies.record import TrialRecord
from maskwright.studies.trial import trial_folder
from maskwright.workflows.runs.last_rows import last_numbers
from maskwright.workflows.runs.run_folder import RunFolder


def look_at_running(plan: StudyPlan, folder: Path, record: TrialRecord) -> RunningTrial:
    """Where a running trial of a study is; folder: the study's."""
    name = f"{record.arm}, seed {record.seed}"
    run = RunFolder(trial_folder(folder, plan, record.arm, record.seed) / "run")
    # On another machine, or a scorer on a frozen run of several trials.
    if not run.exists:
        return RunningTrial(name)
    status = run.status()
    total = status.get("total_steps")
    if not total:
        return RunningTrial(f"{name}: begins")
    # The status is written now and then, the rows of numbers every few steps.
    numbers = last_numbers(run.metrics_file)
    step = int(max(status.get("step", 0), numbers.get("step", 0)))
    if step >= total:
        return RunningTrial(f"{name}: trained, is measured", 1.0)
    words = f"{name}: step {step:,} of {total:,}"
    if "loss" in numbers:
        words += f", loss {numbers['loss']:.3f}"
    # Beside what takes no learning, as a training of its own shows it.
    baseline = (status.get("baselines") or {}).get("patch_mean")
    if baseline is not None and "loss" in numbers:
        words += f" (patch mean {baseline:.3f})"
    return RunningTrial(words, step / total)
