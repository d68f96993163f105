"""Studies at a glance: where they are, how far each is, and the trial that runs at the moment."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from maskwright.studies.design import PLAN
from maskwright.studies.findings import find
from maskwright.studies.ledger import Ledger
from maskwright.studies.plan import StudyPlan, build_plan
from maskwright.studies.record import StudyRecord, TrialRecord
from maskwright.studies.report.page import RECORD, REPORT
from maskwright.studies.report.words import answer_lines
from maskwright.studies.running_trials import find_training
from maskwright.studies.trial import kept_records
from maskwright.support.errors import MaskwrightError
from maskwright.workflows.settings.recipes import read_recipe

LEDGER = "ledger.db"
# Deeper than this nobody keeps studies, and a folder of pictures may be large.
_DEEPEST = 4


@dataclass(frozen=True, kw_only=True)
class TrialView:
    """One trial as it is now.

    arm, seed, state, error: as in its record.
    value: the main metric, once it is done.
    run: its run folder, below the study's.
    step, total_steps: of its training, where that has begun.
    loss: the last.
    minutes: from its start to its end.
    """

    arm: str
    seed: int
    state: str
    error: str | None
    value: float | None
    run: str | None
    step: int | None
    total_steps: int | None
    loss: float | None
    minutes: float | None


@dataclass(frozen=True, kw_only=True)
class StudyView:
    """One study as it is now.

    name, question, baseline: of the plan.
    metric: the main metric with its unit.
    larger_is_better: its direction.
    arms, seeds: in the order of the plan.
    trials: one for each arm and seed.
    answer: what the finished trials say, in sentences.
    has_report: whether there is a page.
    has_plan: whether its trials are here, and not a published report alone.
    """

    name: str
    question: str
    baseline: str
    metric: str
    larger_is_better: bool
    arms: Sequence[str]
    seeds: Sequence[int]
    trials: Sequence[TrialView]
    answer: Sequence[str] = ()
    has_report: bool = False
    has_plan: bool = False

    def count(self, state: str) -> int:
        """How many trials are in a state."""
        return sum(trial.state == state for trial in self.trials)


def find_studies(root: Path) -> Iterator[Path]:
    """Every study and every published report at or below a folder, in the order of names."""
    depth = len(root.parts)
    for folder, folders, files in os.walk(root):
        place = Path(folder)
        if PLAN in files or RECORD in files:
            yield place
            # A study holds runs and no studies.
            folders.clear()
            continue
        is_deep = len(place.parts) - depth >= _DEEPEST
        # Sorted in place, as os.walk asks.
        folders[:] = [] if is_deep else sorted(name for name in folders if name[:1] != ".")


def view_study(folder: Path) -> StudyView:
    """Look at a study, running or finished, or at a published report.

    Raises MaskwrightError for a folder that holds neither, and for a damaged one.
    """
    record = StudyRecord.load(folder / RECORD) if (folder / RECORD).exists() else None
    if (folder / PLAN).exists():
        view = _view_plan(folder, build_plan(read_recipe(str(folder / PLAN)), folder.name))
    elif record is not None:
        view = _view_record(record)
    else:
        raise MaskwrightError(f"'{folder.name}' holds no study.")
    # study.json is written when the trials have ended, so a study under way has no answer.
    answer = [] if record is None else answer_lines(find(record), record.baseline)
    return replace(view, answer=answer, has_report=(folder / REPORT).exists())


def _view_plan(folder: Path, plan: StudyPlan) -> StudyView:
    """A study whose trials are here."""
    main = plan.measures.main_metric
    return StudyView(
        name=plan.name,
        question=plan.question,
        baseline=plan.baseline,
        metric=main.title,
        larger_is_better=main.larger_is_better,
        arms=[arm.name for arm in plan.arms],
        seeds=plan.seeds,
        trials=[_look_at(folder, plan, trial) for trial in _current(folder, plan)],
        has_plan=True,
    )


def _view_record(record: StudyRecord) -> StudyView:
    """A published report."""
    main = next(metric for metric in record.metrics if metric.main)
    return StudyView(
        name=record.name,
        question=record.question,
        baseline=record.baseline,
        metric=main.title,
        larger_is_better=main.larger_is_better,
        arms=[arm.name for arm in record.arms],
        seeds=record.seeds,
        trials=[_from_record(trial, main.name) for trial in record.trials],
    )


def trained_runs(folder: Path) -> dict[str, dict[int, Path]]:
    """The run folders of all trials that are done, by arm and seed."""
    runs: dict[str, dict[int, Path]] = {}
    for record in kept_records(folder):
        # Scorers share one frozen run, and have none of their own.
        if record.state == "done" and record.run is not None:
            runs.setdefault(record.arm, {})[record.seed] = folder / record.run
    return runs


def _current(folder: Path, plan: StudyPlan) -> list[TrialRecord]:
    """A record for every trial of the plan: from its folder, else from the ledger, else waiting."""
    kept = {record.key: record for record in kept_records(folder)}
    # The folders are the truth; only the ledger knows which of the others run.
    if len(kept) < len(plan.keys) and (folder / LEDGER).exists():
        with Ledger.open(folder, plan.name) as ledger:
            queued = {record.key: record for record in ledger.records()}
        kept = {**queued, **kept}
    return [
        kept.get(key) or TrialRecord(study=plan.name, arm=key[0], seed=key[1], state="waiting")
        for key in plan.keys
    ]


def _look_at(folder: Path, plan: StudyPlan, trial: TrialRecord) -> TrialView:
    """A trial with how far its training is."""
    view = _from_record(trial, plan.measures.main_metric.name)
    training = find_training(plan, folder, trial)
    if training is None:
        return view
    return replace(
        view,
        run=training.run.relative_to(folder).as_posix(),
        step=training.step,
        total_steps=training.total_steps,
        loss=training.loss,
    )


def _from_record(trial: TrialRecord, metric: str) -> TrialView:
    return TrialView(
        arm=trial.arm,
        seed=trial.seed,
        state=trial.state,
        error=trial.error,
        value=trial.numbers.get(metric),
        run=trial.run,
        step=None,
        total_steps=None,
        loss=None,
        minutes=_minutes(trial),
    )


def _minutes(trial: TrialRecord) -> float | None:
    if not trial.started or not trial.ended:
        return None
    start, end = map(datetime.fromisoformat, (trial.started, trial.ended))
    return round((end - start).total_seconds() / 60, 2)
