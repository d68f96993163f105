"""Workers: each claims a trial, runs it, puts its record down and claims the next, until none is
left.
"""

from __future__ import annotations

import multiprocessing
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from multiprocessing.context import SpawnProcess
from pathlib import Path
from typing import Any

import torch

from maskwright.studies.design import open_plan
from maskwright.studies.ledger import Claim, Ledger
from maskwright.studies.mirror import mirror_trial
from maskwright.studies.plan import StudyPlan
from maskwright.studies.progress import StudyProgress
from maskwright.studies.record import TrialRecord
from maskwright.studies.storage import Pulse
from maskwright.studies.trial import TrialStopped, run_trial, trial_folder
from maskwright.support.environment import cpu_count
from maskwright.support.errors import MaskwrightError
from maskwright.support.reporting import LogReporter, Reporter
from maskwright.workflows.runs.run_folder import RunFolder

_PATIENCE = 2.0
ENDED = ("done", "failed")


@dataclass(frozen=True, kw_only=True)
class Job:
    """What a worker has to know: plain values, so that it can be sent to another process or
    machine.
    """

    folder: Path
    lengths: Mapping[str, Mapping[str, Any]]
    ledger: str | None = None
    pulse: Pulse = Pulse()
    track: tuple[str, ...] = ()
    workers: int = 1

    def open(self, plan: StudyPlan) -> Ledger:
        """The ledger of this job's study."""
        larger_is_better = plan.measures.main_metric.larger_is_better
        return Ledger.open(
            self.folder, plan.name, self.ledger, self.pulse, larger_is_better=larger_is_better
        )


def work(job: Job, reporter: Reporter) -> int:
    """Run trials until none waits and none runs elsewhere, whose worker may yet die; returns how
    many were run here.

    A worker whose starter is gone ends its trial and takes no other.
    """
    plan, count = open_plan(job.folder), 0
    with job.open(plan) as ledger:
        while not _left_alone():
            claim = ledger.claim()
            if claim is not None:
                _run_claimed(plan, job, ledger, claim, reporter)
                count += 1
            elif _unfinished(ledger.records()):
                time.sleep(min(_PATIENCE, job.pulse.interval))
            else:
                break
    return count


def _left_alone() -> bool:
    """Whether the process that started this worker is gone, killed perhaps."""
    starter = multiprocessing.parent_process()
    return starter is not None and not starter.is_alive()


def _run_claimed(
    plan: StudyPlan, job: Job, ledger: Ledger, claim: Claim, reporter: Reporter
) -> None:
    """Run one claimed trial, beating meanwhile, and put its record down."""
    progress = StudyProgress(reporter, plan, ledger.records(), f"{claim.arm}, seed {claim.seed}")
    with ledger.beating(claim):
        try:
            record = run_trial(
                plan, job.folder, claim.arm, claim.seed, job.lengths[claim.arm], progress
            )
        except (KeyboardInterrupt, TrialStopped):
            ledger.release(claim)
            raise KeyboardInterrupt from None
    if ledger.finish(claim, record, plan.measures.main_metric.name):
        mirror_trial(
            job.track, job.folder, trial_folder(job.folder, plan, claim.arm, claim.seed), record
        )
    progress.told(record)


def work_together(job: Job, reporter: Reporter) -> None:
    """Start several workers on this machine and show how far they are; a worker that dies leaves
    its trial to the others.
    """
    context = multiprocessing.get_context("spawn")
    workers = [
        context.Process(target=work_alone, args=(job,), name=f"worker {number + 1}")
        for number in range(job.workers)
    ]
    for worker in workers:
        worker.start()
    try:
        watch_workers(
            job,
            [Started(worker.name, worker.is_alive, partial(_died, worker)) for worker in workers],
            reporter,
        )
    except KeyboardInterrupt:
        for worker in workers:
            worker.join()  # the signal reached them too; they write a checkpoint and give their trials back
        raise


def _died(worker: SpawnProcess) -> str | None:
    return f"exit code {worker.exitcode}" if worker.exitcode else None


def work_alone(job: Job) -> None:
    """The whole life of one worker process."""
    if not torch.cuda.is_available():
        torch.set_num_threads(max(1, cpu_count() // job.workers))
    try:
        work(job, LogReporter(visible=False))
    except KeyboardInterrupt:
        return


@dataclass(frozen=True)
class Started:
    """A worker that was started somewhere: its name, whether it works still, and what killed it, if
    something did.
    """

    name: str
    is_alive: Callable[[], bool]
    cause: Callable[[], str | None]


def watch_workers(job: Job, workers: Sequence[Started], reporter: Reporter) -> None:
    """Show the ledger's progress until all workers have ended; warns of those that died."""
    plan = open_plan(job.folder)
    mourned: set[str] = set()
    with job.open(plan) as ledger:
        told = {record.key for record in ledger.records() if record.state in ENDED}
        while True:
            alive, records = any(worker.is_alive() for worker in workers), ledger.records()
            progress = StudyProgress(reporter, plan, records, f"{job.workers} workers")
            for record in records:
                if record.state in ENDED and record.key not in told:
                    told.add(record.key)
                    progress.told(record)
            progress.show(
                sum(
                    _share_done(plan, job, record)
                    for record in records
                    if record.state == "running"
                )
            )
            for worker in workers:
                if (
                    not worker.is_alive()
                    and worker.name not in mourned
                    and (cause := worker.cause()) is not None
                ):
                    mourned.add(worker.name)
                    reporter.warn(
                        f"{worker.name} died ({cause}); its trial goes to another after"
                        f" {job.pulse.grace} s"
                    )
            if not alive:
                break
            time.sleep(min(_PATIENCE, job.pulse.interval))
    reporter.finish()
    if _unfinished(records) and len(mourned) == len(workers):
        raise MaskwrightError(
            "All workers died; what is done is kept. Repeat the command to go on, with fewer"
            " --workers if memory is short."
        )


def _share_done(plan: StudyPlan, job: Job, record: TrialRecord) -> float:
    """How much of a running trial's training is done, as its run folder says where that is on this
    machine.
    """
    run = RunFolder(trial_folder(job.folder, plan, record.arm, record.seed) / "run")
    status = run.status() if run.exists else {}
    return (
        min(1.0, status.get("step", 0) / status["total_steps"])
        if status.get("total_steps")
        else 0.0
    )


def _unfinished(records: Sequence[TrialRecord]) -> bool:
    return any(record.state in ("waiting", "running") for record in records)
