"""Workers: each claims a trial, runs it, puts its record down and claims the next."""

from __future__ import annotations

import multiprocessing
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from multiprocessing.context import ForkServerContext, SpawnContext
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

import torch

from maskwright.studies.design import open_plan
from maskwright.studies.ledger import Claim, Ledger
from maskwright.studies.mirror import mirror_trial
from maskwright.studies.plan import StudyPlan
from maskwright.studies.progress import StudyProgress
from maskwright.studies.record import TrialRecord
from maskwright.studies.running_trials import look_at_running
from maskwright.studies.storage import Heartbeat
from maskwright.studies.trial import TrialStopped, run_trial, trial_folder
from maskwright.support.environment import cpu_count
from maskwright.support.errors import MaskwrightError
from maskwright.support.reporting import LogReporter, Reporter
from maskwright.support.termination import ended_as_by_ctrl_c

_PATIENCE = 2.0
"""Seconds between two looks into the ledger: soon enough for people, seldom enough for SQLite."""
ENDED = ("done", "failed")


@dataclass(frozen=True, kw_only=True)
class Job:
    """What a worker has to know, as plain values that can be sent to another machine.

    folder: the study's folder.
    lengths: arm -> the settings that say how long it is trained.
    ledger: the address of a database; None: SQLite in the folder.
    track: trackers that every trial is sent to.
    workers: how many share the work.
    """

    folder: Path
    lengths: Mapping[str, Mapping[str, Any]]
    ledger: str | None = None
    heartbeat: Heartbeat = Heartbeat()
    track: tuple[str, ...] = ()
    workers: int = 1

    def open(self, plan: StudyPlan) -> Ledger:
        """The ledger of this job's study."""
        larger_is_better = plan.measures.main_metric.larger_is_better
        return Ledger.open(
            self.folder, plan.name, self.ledger, self.heartbeat, larger_is_better=larger_is_better
        )


def work(job: Job, reporter: Reporter) -> int:
    """Run trials until none waits and none runs elsewhere; returns how many were run here.

    The worker of a trial that runs elsewhere may yet die, so this one waits for it. A worker whose
    starter is gone ends its trial and takes no other.
    """
    # From the folder, since a worker elsewhere has nothing but the job.
    plan = open_plan(job.folder)
    count = 0
    warned: set[str] = set()
    # A training hears these requests by itself, a fine-tuning probe too; other probes do not.
    with ended_as_by_ctrl_c(), job.open(plan) as ledger:
        while not _left_alone():
            claim = ledger.claim()
            if claim is not None:
                what = f"{claim.arm}, seed {claim.seed}"
                progress = StudyProgress(reporter, plan, ledger.records(), what, warned)
                _run_claimed(plan, job, ledger, claim, progress)
                count += 1
            elif _unfinished(ledger.records()):
                time.sleep(min(_PATIENCE, job.heartbeat.interval))
            else:
                break
    return count


def _left_alone() -> bool:
    """Whether the process that started this worker is gone, killed perhaps."""
    starter = multiprocessing.parent_process()
    return starter is not None and not starter.is_alive()


def _run_claimed(
    plan: StudyPlan, job: Job, ledger: Ledger, claim: Claim, progress: StudyProgress
) -> None:
    """Run one claimed trial, beating meanwhile, and put its record down."""
    with ledger.beating(claim):
        try:
            length = job.lengths[claim.arm]
            record = run_trial(plan, job.folder, claim.arm, claim.seed, length, progress)
        except (KeyboardInterrupt, TrialStopped):
            # Given back at once: another worker need not wait until this one counts as silent.
            ledger.release(claim)
            raise KeyboardInterrupt from None
    # Not where another worker's result counts: that one has sent it.
    if ledger.finish(claim, record, plan.measures.main_metric.name):
        trial = trial_folder(job.folder, plan, claim.arm, claim.seed)
        mirror_trial(job.track, job.folder, trial, record)
    progress.say_ended(record)


def work_together(job: Job, reporter: Reporter) -> None:
    """Start several workers on this machine and show how far they are.

    A worker that dies leaves its trial to the others.
    """
    context = starting_context()
    processes = [
        context.Process(target=work_alone, args=(job,), name=f"worker {number + 1}")
        for number in range(job.workers)
    ]
    for process in processes:
        process.start()
    workers = [
        Started(process.name, process.is_alive, partial(_died, process)) for process in processes
    ]
    try:
        # Ctrl-C reaches the workers too; a scheduler or `kill` may mean this process alone.
        with ended_as_by_ctrl_c(first=partial(_terminate, processes)):
            watch_workers(job, workers, reporter)
    except KeyboardInterrupt:
        # They write a checkpoint and give their trials back.
        for process in processes:
            process.join()
        raise


def _terminate(workers: Sequence[BaseProcess]) -> None:
    for worker in workers:
        worker.terminate()


def starting_context() -> ForkServerContext | SpawnContext:
    """How worker processes are started: none is a copy of this one, for CUDA and threads do not
    survive a fork.

    A process that has only imported this module is copied instead, where the system can. Importing
    torch takes seconds, and its memory is then shared by all workers.
    """
    if "forkserver" not in multiprocessing.get_all_start_methods():
        return multiprocessing.get_context("spawn")
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([__name__])
    return context


def _died(worker: BaseProcess) -> str | None:
    return f"exit code {worker.exitcode}" if worker.exitcode else None


def work_alone(job: Job) -> None:
    """The whole life of one worker process."""
    # Workers on one CPU share its cores, or they would slow each other down.
    if not torch.cuda.is_available():
        torch.set_num_threads(max(1, cpu_count() // job.workers))
    try:
        work(job, LogReporter(visible=False))
    except KeyboardInterrupt:
        return


@dataclass(frozen=True)
class Started:
    """A worker that was started somewhere.

    name: what messages call it.
    is_alive: whether it works still.
    cause: what killed it, or None.
    """

    name: str
    is_alive: Callable[[], bool]
    cause: Callable[[], str | None]


def watch_workers(job: Job, workers: Sequence[Started], reporter: Reporter) -> None:
    """Show the ledger's progress until all workers have ended; warns of those that died."""
    plan = open_plan(job.folder)
    dead: set[str] = set()
    with job.open(plan) as ledger:
        # What had ended before is no news.
        reported = {record.key for record in ledger.records() if record.state in ENDED}
        while True:
            # Workers before records: what the last one wrote before its end is then seen too.
            is_any_alive = any(worker.is_alive() for worker in workers)
            records = ledger.records()
            progress = StudyProgress(reporter, plan, records, f"{job.workers} workers")
            for record in records:
                if record.state in ENDED and record.key not in reported:
                    reported.add(record.key)
                    progress.say_ended(record)
            running = [record for record in records if record.state == "running"]
            progress.show([look_at_running(plan, job.folder, record) for record in running])
            _report_dead(job, workers, dead, reporter)
            if not is_any_alive:
                break
            time.sleep(min(_PATIENCE, job.heartbeat.interval))
    reporter.finish()
    if _unfinished(records) and len(dead) == len(workers):
        raise MaskwrightError(
            "All workers died; what is done is kept. Repeat the command to go on, with fewer"
            " --workers if memory is short."
        )


def _report_dead(job: Job, workers: Sequence[Started], dead: set[str], reporter: Reporter) -> None:
    """Warn once of every worker that died, and note its name."""
    for worker in workers:
        if worker.is_alive() or worker.name in dead:
            continue
        # One that has ended by itself has no cause of death.
        if (cause := worker.cause()) is not None:
            dead.add(worker.name)
            reporter.warn(
                f"{worker.name} died ({cause}); its trial goes to another after"
                f" {job.heartbeat.grace} s"
            )


def _unfinished(records: Sequence[TrialRecord]) -> bool:
    return any(record.state in ("waiting", "running") for record in records)
