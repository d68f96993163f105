"""Workers: each claims a trial, runs it, puts its record down and claims the next, until none is left."""

from __future__ import annotations

import multiprocessing
import time
from collections.abc import Mapping
from dataclasses import dataclass
from multiprocessing.context import SpawnProcess
from pathlib import Path
from typing import Any

import torch

from maskwright.studies.design import open_plan
from maskwright.studies.ledger import Ledger, Pulse
from maskwright.studies.mirror import mirror_trial
from maskwright.studies.plan import StudyPlan
from maskwright.studies.progress import StudyProgress
from maskwright.studies.record import TrialRecord
from maskwright.studies.trial import TrialStopped, run_trial, trial_folder
from maskwright.support.environment import cpu_count
from maskwright.support.errors import MaskwrightError
from maskwright.support.reporting import LogReporter, Reporter

_PATIENCE = 2.0


@dataclass(frozen=True, kw_only=True)
class Job:
    """What a worker has to know: plain values, so that it can be sent to another process or machine."""

    folder: Path
    lengths: Mapping[str, Mapping[str, Any]]
    ledger: str | None = None
    pulse: Pulse = Pulse()
    track: tuple[str, ...] = ()
    workers: int = 1

    def open(self, plan: StudyPlan) -> Ledger:
        """The ledger of this job's study."""
        main = next(metric for metric in plan.measures.metrics() if metric.main)
        return Ledger.open(self.folder, plan.name, self.ledger, self.pulse, larger_is_better=main.larger_is_better)


def work(job: Job, reporter: Reporter) -> int:
    """Run trials until none waits and none runs elsewhere, whose worker may yet die; returns how many were run here."""
    plan = open_plan(job.folder)
    ledger, count = job.open(plan), 0
    while True:
        claim = ledger.claim()
        if claim is None:
            if not any(record.state in ("running", "waiting") for record in ledger.records()):
                return count
            time.sleep(min(_PATIENCE, job.pulse.interval))
            continue
        progress = StudyProgress(reporter, plan, ledger.records(), f"{claim.arm}, seed {claim.seed}")
        with ledger.beating(claim):
            try:
                record = run_trial(plan, job.folder, claim.arm, claim.seed, job.lengths[claim.arm], progress)
            except (KeyboardInterrupt, TrialStopped):
                ledger.release(claim)
                raise KeyboardInterrupt from None
        if ledger.finish(claim, record, _main(plan)):
            mirror_trial(job.track, job.folder, trial_folder(job.folder, plan, claim.arm, claim.seed), record)
        count += 1
        progress.told(record)


def work_together(job: Job, reporter: Reporter) -> None:
    """Start several workers on this machine and show how far they are; a worker that dies leaves its trial to the others."""
    context = multiprocessing.get_context("spawn")
    workers = [context.Process(target=work_alone, args=(job,), name=f"worker {number + 1}") for number in range(job.workers)]
    for worker in workers:
        worker.start()
    try:
        watch_workers(job, workers, reporter)
    except KeyboardInterrupt:
        for worker in workers:
            worker.join()  # the signal reached them too; they write a checkpoint and give their trials back
        raise


def work_alone(job: Job) -> None:
    """The whole life of one worker process."""
    if not torch.cuda.is_available():
        torch.set_num_threads(max(1, cpu_count() // job.workers))
    try:
        work(job, LogReporter(visible=False))
    except KeyboardInterrupt:
        return


def watch_workers(job: Job, workers: list[SpawnProcess], reporter: Reporter) -> None:
    """Show the ledger's progress until all workers have ended; warns of those that died."""
    plan = open_plan(job.folder)
    ledger, mourned = job.open(plan), set()
    told: set[tuple[str, int]] = {record.key for record in ledger.records() if record.state in ("done", "failed")}
    while any(worker.is_alive() for worker in workers):
        records = ledger.records()
        progress = StudyProgress(reporter, plan, records, f"{job.workers} workers")
        for record in records:
            if record.state in ("done", "failed") and record.key not in told:
                told.add(record.key)
                progress.told(record)
        progress.show()
        for worker in workers:
            if worker.exitcode and worker.pid not in mourned:
                mourned.add(worker.pid)
                reporter.warn(f"{worker.name} died (exit code {worker.exitcode}); its trial goes to another after {job.pulse.grace} s")
        time.sleep(min(_PATIENCE, job.pulse.interval))
    reporter.finish()
    if _unfinished(ledger.records()) and all(worker.exitcode for worker in workers):
        raise MaskwrightError(
            "All workers died; what is done is kept. Repeat the command to go on, with fewer --workers if memory is short."
        )


def _unfinished(records: list[TrialRecord]) -> bool:
    return any(record.state in ("waiting", "running") for record in records)


def _main(plan: StudyPlan) -> str:
    return next(metric.name for metric in plan.measures.metrics() if metric.main)
