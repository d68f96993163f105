"""A study from its plan to its report: designed, queued, run by one worker or several, compared."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from maskwright.studies.budget import spell_compute
from maskwright.studies.cluster import read_launcher, work_on_cluster
from maskwright.studies.crossing import add_cross
from maskwright.studies.design import Design, design_study, keep_lengths, keep_plan
from maskwright.studies.findings import spell_findings
from maskwright.studies.plan import StudyPlan, plan_policies, read_plan
from maskwright.studies.record import StudyRecord
from maskwright.studies.report import write_report
from maskwright.studies.search import search_settings
from maskwright.studies.storage import Pulse
from maskwright.studies.table import spell_table
from maskwright.studies.trial import kept_records
from maskwright.studies.workers import Job, work, work_together
from maskwright.support.errors import MaskwrightError
from maskwright.support.reporting import LogReporter, Reporter
from maskwright.training.trackers import check_trackers


def study(
    plan: str | Path,
    *,
    data: str | None = None,
    out: str | Path | None = None,
    seeds: Any = None,
    workers: int = 1,
    launcher: str | None = None,
    ledger: str | None = None,
    rebuild: bool = False,
    retry_failed: bool = False,
    dry_run: bool = False,
    search: int | None = None,
    track: Sequence[str] = (),
    pulse: Pulse | None = None,
    reporter: Reporter | None = None,
) -> StudyRecord:
    """Run the trials of a plan (a YAML file, or the name of one that comes with the package) that are missing, and compare the arms.

    out: the study's folder, studies/NAME by default; workers: processes of this machine, or jobs of a
    cluster with launcher="slurm(...)"; ledger: `postgresql://...` to share the work
    with other machines; rebuild: make the ledger anew from the trials' folders; retry_failed: run those that failed again;
    dry_run: only print what each arm will cost; search: instead of the arms, try this many settings inside the plan's ranges.
    Returns the record, which study.json holds. Raises MaskwrightError for bad plans.
    """
    return run_plan(
        read_plan(plan, data, seeds=seeds),
        out=out,
        workers=workers,
        launcher=launcher,
        ledger=ledger,
        rebuild=rebuild,
        retry_failed=retry_failed,
        dry_run=dry_run,
        search=search,
        track=track,
        pulse=pulse,
        reporter=reporter,
    )


def compare(data: str | Path, policies: str | Iterable[str], *, seeds: Any = 5, budget: Any = None, **rest: Any) -> StudyRecord:
    """Compare policies on pictures at the same compute: `maskwright.compare("photos", "random,block(size=2)", budget="steps=500")`.

    budget: steps, images, tokens, flops or minutes and an amount; rest: settings of a study (out, workers, ledger ...), of measuring
    (evaluate={...}) and of pretrain (model, ratio ...).
    """
    running = {name: rest.pop(name) for name in RUNNING if name in rest}
    return run_plan(plan_policies(str(data), policies, seeds=seeds, budget=budget, **rest), **running)


RUNNING = ("out", "workers", "launcher", "ledger", "rebuild", "retry_failed", "dry_run", "search", "track", "pulse", "reporter")
"""Arguments of a study that say how it is run, not what is compared."""


def run_plan(
    plan: StudyPlan,
    *,
    out: str | Path | None = None,
    workers: int = 1,
    launcher: str | None = None,
    ledger: str | None = None,
    rebuild: bool = False,
    retry_failed: bool = False,
    dry_run: bool = False,
    search: int | None = None,
    track: Sequence[str] = (),
    pulse: Pulse | None = None,
    reporter: Reporter | None = None,
) -> StudyRecord:
    """Run the missing trials of a plan; see `study`."""
    reporter = reporter or LogReporter()
    folder = Path(out) if out is not None else Path("studies") / plan.name
    check_trackers(track)
    if launcher is not None:
        read_launcher(launcher)
    if workers < 1:
        raise MaskwrightError(f"A study needs a worker; got workers={workers}.")
    plan = keep_plan(plan, folder)
    design = keep_lengths(design_study(plan, reporter), folder, reporter)
    _say_design(plan, design, folder, reporter)
    if search is not None:
        with Job(folder=folder.resolve(), lengths={}, ledger=ledger, pulse=pulse or Pulse()).open(plan) as opened:
            search_settings(plan, folder, opened, search, reporter)
        dry_run = True
    job = Job(folder=folder.resolve(), lengths=design.lengths, ledger=ledger, pulse=pulse or Pulse(), track=tuple(track), workers=workers)
    if not dry_run:
        _run_missing(plan, job, launcher, reporter, rebuild=rebuild, retry_failed=retry_failed)
    record = collect(plan, job)
    return record if dry_run else _conclude(plan, record, folder, reporter)


def collect(plan: StudyPlan, job: Job) -> StudyRecord:
    """The record of a study as its ledger knows it now."""
    with job.open(plan) as ledger:
        known = {record.key: record for record in ledger.records()}
    return StudyRecord(
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


def _run_missing(plan: StudyPlan, job: Job, launcher: str | None, reporter: Reporter, *, rebuild: bool, retry_failed: bool) -> None:
    with job.open(plan) as ledger:
        if rebuild:
            main = next(metric.name for metric in plan.measures.metrics() if metric.main)
            reporter.say(f"The ledger was made anew from {ledger.rebuild(kept_records(job.folder), main)} trials on disk")
        ledger.enqueue(plan.keys, retry_failed=retry_failed)
        waiting = sum(record.state == "waiting" for record in ledger.records())
    reporter.say(f"{len(plan.keys)} trials, {waiting} of them to run")
    if launcher is not None:
        work_on_cluster(job, launcher, reporter)
    elif job.workers == 1:
        work(job, reporter)
    else:
        work_together(job, reporter)


def _say_design(plan: StudyPlan, design: Design, folder: Path, reporter: Reporter) -> None:
    """Say what is compared and what every arm will spend, in all currencies."""
    matched = f"matched at {plan.budget}" if plan.budget else "each as long as its settings say"
    reporter.say(f"{plan.question or plan.name}  ({len(plan.arms)} arms, {len(plan.seeds)} seeds, {matched}; {folder})")
    for line in spell_table(*spell_compute(design.costs)):
        reporter.say(line)
    if plan.budget is not None and plan.budget.currency == "minutes":
        reporter.warn("minutes depend on what else this machine does; flops, tokens, images and steps do not")


def _conclude(plan: StudyPlan, record: StudyRecord, folder: Path, reporter: Reporter) -> StudyRecord:
    """Measure across policies, write study.json and say how the arms compare."""
    if plan.measures.cross and plan.measures.masks and not any(trial.state in ("waiting", "running") for trial in record.trials):
        record = add_cross(record, folder, plan.measures, reporter)
    page = write_report(record, folder)
    for line in spell_findings(record):
        reporter.say(line)
    failed = [trial for trial in record.trials if trial.state == "failed"]
    if failed:
        reporter.warn(f"{len(failed)} of {len(record.trials)} trials failed; --retry-failed runs them again")
    left = sum(trial.state in ("waiting", "running") for trial in record.trials)
    if left:
        reporter.warn(f"{left} of {len(record.trials)} trials are still to run; repeat the command to go on")
    reporter.say(f"Written to {page}, with report.md and study.json beside it")
    return record
