"""Workers that submitit hands to SLURM, or to processes of this machine to try that out."""

from __future__ import annotations

from functools import partial
from typing import Any

from maskwright.studies.workers import Job, Started, watch_workers, work_alone
from maskwright.support.errors import MaskwrightError
from maskwright.support.reporting import Reporter
from maskwright.support.shorthand import Call, plain


def work_with_submitit(job: Job, launcher: Call, reporter: Reporter) -> None:
    """Submit the workers and watch them; a requeued worker claims whatever waits."""
    # submitit picks SLURM by itself where it finds it, unless "local" is named.
    submitit = _import_submitit()
    executor = submitit.AutoExecutor(
        folder=str(job.folder / "submitit"), cluster="local" if launcher.name == "local" else None
    )
    try:
        # A day: long enough for most arms, and a requeued worker goes on where it was.
        defaults = {"name": "maskwright", "timeout_min": 24 * 60}
        executor.update_parameters(**{**defaults, **plain(launcher.options)})
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
