"""A study from its plan to its report: designed, queued, run by one worker or several, compared."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from maskwright.studies.announcing import report_design, report_forecast, report_kept_seeds
from maskwright.studies.cluster import work_on_cluster
from maskwright.studies.comparison import label_free_settings
from maskwright.studies.crossing import add_cross
from maskwright.studies.design import (
    PLAN,
    design_study,
    join_plan,
    keep_lengths,
    keep_plan,
    left_out,
)
from maskwright.studies.floors import add_random_weights
from maskwright.studies.outcome import StudyOutcome
from maskwright.studies.plan import StudyPlan, build_plan, plan_policies, read_plan
from maskwright.studies.plan_changes import change_plan, copy_plan
from maskwright.studies.plan_files import read_plan_file
from maskwright.studies.record import TrialRecord
from maskwright.studies.report.page import write_report
from maskwright.studies.results import write_results
from maskwright.studies.running import NAMES, RunningSettings, read_running
from maskwright.studies.search import search_settings
from maskwright.studies.trial import kept_records
from maskwright.studies.voting.quote import add_votes
from maskwright.studies.workers import Job, work, work_together
from maskwright.support.errors import MaskwrightError
from maskwright.support.notebook import usual_reporter
from maskwright.support.plurals import count_of
from maskwright.support.reporting import Reporter, say_result
from maskwright.workflows.settings.arguments import takes
from maskwright.workflows.settings.study_settings import COMPARE, CompareSettings, StudySettings


@takes(StudySettings, "plan")
def study(
    settings: StudySettings, reporter: Reporter | None = None, **running: Any
) -> StudyOutcome:
    """Run the trials of a plan that are missing, and compare the arms.

    Returns the record, which study.json holds. Raises MaskwrightError for bad plans.
    """
    reporter = reporter or usual_reporter()
    if settings.copy is not None:
        return _copy(settings, reporter)
    # What is given here wins over the file.
    plan = read_plan(settings.plan, settings.data, settings.scale, **settings.changes())
    return run_plan(plan, read_running({**settings.running(), **running}), reporter)


def _copy(settings: StudySettings, reporter: Reporter) -> StudyOutcome:
    """Write the plan to a file of the user's own, checked, and run nothing."""
    changes = {"data": settings.data, **settings.changes()}
    values = change_plan(read_plan_file(settings.plan, settings.scale), changes)
    # A plan that leaves its data open is checked as if it named some.
    plan = build_plan({"data": "DATA", **values}, Path(settings.plan).stem)
    path = copy_plan({"name": plan.name, **values}, str(settings.copy), settings.plan)
    data = "" if "data" in values else " --data PHOTOS"
    reporter.say(f"Written to {path}; change it and run: maskwright study {path}{data}")
    return _record(plan, {})


@takes(COMPARE, "data", "policies")
def compare(
    settings: CompareSettings,
    reporter: Reporter | None = None,
    evaluate: Mapping[str, Any] | None = None,
    **rest: Any,
) -> StudyOutcome:
    """Compare policies on pictures at the same compute.

    As in `maskwright.compare("photos", "random,block(size=2)", budget="steps=500")`. What is
    measured may also be said as in a plan: `evaluate={...}`. The verdict is about its `main`, by
    default the last probe, or how well pictures are filled in under the first common mask where
    there are no labels for probes.
    """
    reporter = reporter or usual_reporter()
    # What is not a setting of the command is either about running or the plan's own.
    others = {name: rest.pop(name) for name in NAMES if name in rest}
    running = read_running({**settings.running(), **others})
    measuring = settings.measuring()
    if measuring or evaluate:
        rest["evaluate"] = {**measuring, **(evaluate or {})}
    rest |= {"recipe": settings.recipe, "name": settings.name}
    rest |= label_free_settings(settings.data, rest, reporter)
    plan = plan_policies(
        settings.data, settings.policies, seeds=settings.seeds, budget=settings.budget, **rest
    )
    return run_plan(plan, running, reporter)


def run_plan(
    plan: StudyPlan, running: RunningSettings, reporter: Reporter | None = None
) -> StudyOutcome:
    """Run the missing trials of a plan; see `study`."""
    reporter = reporter or usual_reporter()
    # The one place where the plan meets what its folder holds.
    folder = running.folder(plan.name)
    asked = plan.seeds
    plan = join_plan(plan, folder)
    report_kept_seeds(plan, asked, folder, reporter)
    # A mistake ends here, before the folder is bound to this plan.
    design = design_study(plan, reporter)
    if running.dry_run:
        report_design(plan, design, folder, reporter)
        report_forecast(plan, design, folder, reporter)
        return _record(plan, {})

    keep_plan(plan, folder)
    design = keep_lengths(design, folder, reporter)
    report_design(plan, design, folder, reporter)
    job = _job(folder, running, design.lengths)
    if running.search is not None:
        # A search prices each of its trials by itself.
        with replace(job, lengths={}).open(plan) as opened:
            search_settings(plan, folder, opened, running.search, reporter)
        return collect(plan, job)

    _run_missing(plan, job, running, reporter)
    record = _conclude(plan, collect(plan, job), folder, reporter)
    _say_what_is_missing(record, left_out(design.lengths), reporter)
    _refuse_failure(record, folder)
    return record


def collect(plan: StudyPlan, job: Job) -> StudyOutcome:
    """The record of a study as its ledger knows it now."""
    with job.open(plan) as ledger:
        return _record(plan, {record.key: record for record in ledger.records()})


def _record(plan: StudyPlan, known: Mapping[tuple[str, int], TrialRecord]) -> StudyOutcome:
    """The plan with those of its trials that are known."""
    return StudyOutcome(
        name=plan.name,
        question=plan.question,
        plan=plan.written,
        arms=tuple(plan.arms),
        baseline=plan.baseline,
        seeds=tuple(plan.seeds),
        metrics=plan.measures.metrics(),
        trials=tuple(known[key] for key in plan.keys if key in known),
        budget=None if plan.budget is None else plan.budget.to_dict(),
    )


def _job(folder: Path, running: RunningSettings, lengths: Mapping[str, Mapping[str, Any]]) -> Job:
    """What workers have to know; an absolute folder, because they may start elsewhere."""
    return Job(
        folder=folder.resolve(),
        lengths=lengths,
        ledger=running.ledger,
        heartbeat=running.heartbeat,
        track=tuple(running.track),
        workers=running.workers,
    )


def _run_missing(plan: StudyPlan, job: Job, running: RunningSettings, reporter: Reporter) -> None:
    """Fill the queue and let workers empty it, in this process, in others or on a cluster."""
    with job.open(plan) as ledger:
        # The trials' folders are the truth, the ledger is only a record of them.
        if running.rebuild:
            count = ledger.rebuild(kept_records(job.folder), plan.measures.main_metric.name)
            reporter.say(f"The ledger was made anew from {count_of(count, 'trial')} on disk")
        ledger.enqueue(plan.keys, retry_failed=running.retry_failed)
        waiting = sum(record.state == "waiting" for record in ledger.records())
    # Closed before workers start: SQLite connections do not go to other processes.
    reporter.say(f"{count_of(len(plan.keys), 'trial')}, {waiting} of them to run")
    if running.launcher is not None:
        work_on_cluster(job, running.launcher, reporter)
    elif job.workers == 1:
        work(job, reporter)
    else:
        work_together(job, reporter)


def _conclude(
    plan: StudyPlan, record: StudyOutcome, folder: Path, reporter: Reporter
) -> StudyOutcome:
    """Measure across policies, write study.json and the page, and say how the arms compare."""
    # The matrix needs every model, so it waits until no trial is to run any more.
    if plan.measures.cross and plan.measures.masks and not _still_to_run(record):
        record = add_cross(record, folder, plan.measures, reporter)
    record = add_random_weights(record, folder, plan.measures, reporter)
    record = add_votes(record, folder, reporter)
    page = write_report(record, folder)
    write_results(record, folder)
    say_result(reporter, record.lines())
    reporter.say(f"Written to {page}, with report.md, results.json and study.json beside it")
    return record


def _still_to_run(record: StudyOutcome) -> int:
    return sum(trial.state in ("waiting", "running") for trial in record.trials)


def _say_what_is_missing(record: StudyOutcome, absent: list[str], reporter: Reporter) -> None:
    """Trials that failed, are still to run, or belong to arms that cannot run here: said last,
    where it is not overlooked.
    """
    # Arms without their weights are no failures: nothing was tried.
    failed = sum(trial.state == "failed" and trial.arm not in absent for trial in record.trials)
    if failed:
        reporter.warn(
            f"{failed} of {len(record.trials)} trials failed; --retry-failed runs them again"
        )
    if left := _still_to_run(record):
        reporter.warn(
            f"{left} of {len(record.trials)} trials are still to run; repeat the command to go on"
        )
    if absent:
        reporter.warn(
            f"Left out, for lack of weights or packages: {', '.join(absent)}; --retry-failed runs"
            " them once those are here"
        )


def _refuse_failure(record: StudyOutcome, folder: Path) -> None:
    """Raise MaskwrightError for a study of which every trial has failed."""
    if not record.trials or any(trial.state != "failed" for trial in record.trials):
        return
    # The first reason is shown; trials that failed for the same reason count once.
    reasons = list(dict.fromkeys(trial.error for trial in record.trials))
    others = len(reasons) - 1
    more = f" (and {others} other reason{'s' * (others > 1)})" if others else ""
    raise MaskwrightError(
        f"All {len(record.trials)} trials failed, so the study has no answer: {reasons[0]}{more}"
        f" Mend it and run them again: maskwright study {folder / PLAN} --out {folder}"
        " --retry-failed"
    )
