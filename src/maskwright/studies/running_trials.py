"""How far the trials are that other processes run, read from their run folders."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from maskwright.studies.plan import StudyPlan
from maskwright.studies.progress import RunningTrial
from maskwright.studies.record import TrialRecord
from maskwright.studies.trial import trial_folder
from maskwright.workflows.runs.last_rows import last_numbers
from maskwright.workflows.runs.run_folder import RunFolder


@dataclass(frozen=True)
class TrialTraining:
    """How far the training of a trial is.

    run: its folder.
    step: 0 where nothing was written yet.
    total_steps: None where the length is not known yet.
    loss: of the last steps.
    baseline: the loss of the mean of each patch, which takes no learning.
    """

    run: Path
    step: int
    total_steps: int | None
    loss: float | None
    baseline: float | None


def find_training(plan: StudyPlan, folder: Path, record: TrialRecord) -> TrialTraining | None:
    """What the run of a trial has written; None without a run here.

    Its run may be on another machine, and scorers share a frozen one. folder: the study's.
    """
    run = RunFolder(trial_folder(folder, plan, record.arm, record.seed) / "run")
    if not run.exists:
        return None
    # From the end of the file: a page and a line of progress ask for it every few seconds.
    numbers = last_numbers(run.metrics_file)
    status = run.status()
    return TrialTraining(
        run=run.path,
        step=int(numbers.get("step", 0)),
        total_steps=status.get("total_steps"),
        loss=numbers.get("loss"),
        baseline=(status.get("baselines") or {}).get("patch_mean"),
    )


def look_at_running(plan: StudyPlan, folder: Path, record: TrialRecord) -> RunningTrial:
    """A running trial for a line of progress; folder: the study's."""
    name = f"{record.arm}, seed {record.seed}"
    training = find_training(plan, folder, record)
    if training is None:
        return RunningTrial(name)
    if not training.total_steps:
        return RunningTrial(f"{name}: begins")
    if training.step >= training.total_steps:
        return RunningTrial(f"{name}: trained, is measured", 1.0)
    words = f"{name}: step {training.step:,} of {training.total_steps:,}"
    if training.loss is not None:
        words += f", loss {training.loss:.3f}"
        if training.baseline is not None:
            words += f" (patch mean {training.baseline:.3f})"
    return RunningTrial(words, training.step / training.total_steps)
