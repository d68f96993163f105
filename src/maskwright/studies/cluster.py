"""Workers on a cluster: submitit hands them to SLURM, or to processes here to try that out."""

from __future__ import annotations

from functools import partial
from typing import Any

from maskwright.studies.workers import Job, Started, watch_workers, work_alone
from maskwright.support.errors import MaskwrightError, unknown_name
from maskwright.support.reporting import Reporter
from maskwright.support.shorthand import Call, parse_value, plain

LAUNCHERS = ("slurm", "local")


def work_on_cluster(job: Job, launcher: str, reporter: Reporter) -> None:
    """Submit the workers and show how far they are; a requeued worker claims whatever waits.

    launcher: `slurm(slurm_partition='gpu', gpus_per_node=1, timeout_min=240)` with the parameters
        of submitit's executor, or `local(...)`.
    """
    call = read_launcher(launcher)
    # submitit picks SLURM by itself where it finds it, unless "local" is named.
    submitit = _import_submitit()
    executor = submitit.AutoExecutor(
        folder=str(job.folder / "submitit"), cluster="local" if call.name == "local" else None
    )
    try:
        # A day: long enough for most arms, and a requeued worker goes on where it was.
        defaults = {"name": "maskwright", "timeout_min": 24 * 60}
        executor.update_parameters(**{**defaults, **plain(call.options)})
    except (NameError, TypeError, ValueError) as error:
        raise MaskwrightError(
            f"The launcher '{launcher}' does not fit submitit: {error}."
        ) from error
    # All workers get the same job; the ledger hands the trials out.
    jobs = [executor.submit(work_alone, job) for _ in range(job.workers)]
    names = ", ".join(submitted.job_id for submitted in jobs)
    reporter.say(f"Submitted {len(jobs)} workers as jobs {names}; this watches them")
    workers = [
        Started(f"job {submitted.job_id}", partial(_works, submitted), partial(_died, submitted))
        for submitted in jobs
    ]
    watch_workers(job, workers, reporter)


def read_launcher(text: str) -> Call:
    """Read `slurm(...)`; raises MaskwrightError for another launcher."""
    call = parse_value(text)
    # Parameters of a launcher are named, because submitit knows them by name.
    if not isinstance(call, Call) or call.args:
        raise MaskwrightError(
            f"A launcher is slurm or slurm(slurm_partition='gpu', timeout_min=240); got '{text}'."
        )
    if call.name not in LAUNCHERS:
        raise unknown_name("launcher", call.name, LAUNCHERS)
    return call


def _works(job: Any) -> bool:
    return not job.done()


def _died(job: Any) -> str | None:
    """What killed a job; the last line of a traceback says it."""
    error = job.exception()
    return None if error is None else str(error).strip().splitlines()[-1]


def _import_submitit() -> Any:
    """submitit, an optional extra."""
    try:
        import submitit
    except ImportError as error:
        raise MaskwrightError(
            "Workers on a cluster are started by submitit: pip install 'maskwright[slurm]'."
        ) from error
    return submitit
