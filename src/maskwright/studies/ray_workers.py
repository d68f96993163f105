"""Workers that Ray starts: on a cluster that runs already, or on one made of this machine alone."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

from maskwright.studies.workers import Job, Started, watch_workers, work_alone
from maskwright.support.environment import cpu_count
from maskwright.support.errors import MaskwrightError
from maskwright.support.reporting import Reporter
from maskwright.support.shorthand import Call, plain
from maskwright.support.variables import quiet_ray

# Of Ray's memory for what tasks send each other: the least that Ray takes. Workers send nothing;
# they meet in the ledger and in the study's folder.
STORE_BYTES = 80 * 2**20
# A worker that is asked to end writes a checkpoint first.
SECONDS_TO_END = 60.0
HERE = "127.0.0.1"


def work_with_ray(job: Job, launcher: Call, reporter: Reporter) -> None:
    """Start the workers as tasks of Ray and watch them.

    launcher: `ray(address='auto', num_cpus=1)`: where the cluster is, without which one of this
        machine is started and stopped again, and the options of Ray's tasks.

    Raises MaskwrightError for a cluster that cannot be reached and for unknown options.
    """
    options = dict(plain(launcher.options))
    address = options.pop("address", None)
    ray = _import_ray()
    try:
        task = ray.remote(work_alone).options(**options)
    except (AssertionError, TypeError, ValueError) as error:
        raise MaskwrightError(f"The launcher '{launcher}' does not fit Ray: {error}") from error
    with _cluster(ray, address, job.workers):
        # All workers get the same job; the ledger hands the trials out.
        handles = [task.remote(job) for _ in range(job.workers)]
        place = "this machine" if address is None else f"the cluster at {address}"
        reporter.say(f"Started {len(handles)} workers by Ray on {place}; this watches them")
        workers = [
            Started(f"worker {number}", partial(_works, ray, handle), partial(_died, ray, handle))
            for number, handle in enumerate(handles, 1)
        ]
        try:
            watch_workers(job, workers, reporter)
        except KeyboardInterrupt:
            # They end with this process anyway; asked, they give their trials back.
            for handle in handles:
                ray.cancel(handle)
            ray.wait(handles, num_returns=len(handles), timeout=SECONDS_TO_END)
            raise


@contextmanager
def _cluster(ray: Any, address: str | None, workers: int) -> Iterator[None]:
    """Join a cluster, or make one of this machine; at the end it is left, or stopped."""
    # A program that has joined one itself goes on with it afterwards.
    if ray.is_initialized():
        yield
        return
    quiet_ray()
    try:
        if address is None:
            _start_here(ray, workers)
        else:
            ray.init(address=str(address), log_to_driver=False, logging_level="ERROR")
    except (ConnectionError, RuntimeError, ValueError) as error:
        raise MaskwrightError(
            f"Ray cannot be reached at '{address or HERE}': {error} Start it with `ray start"
            " --head`, or leave the address out for a cluster of this machine."
        ) from error
    try:
        yield
    finally:
        ray.shutdown()


def _start_here(ray: Any, workers: int) -> None:
    """Make a cluster of this machine that nobody else can reach, without Ray's page."""
    ray.init(
        address="local",
        # As many workers as are asked for find a place, as with --workers alone.
        num_cpus=max(cpu_count(), workers),
        object_store_memory=STORE_BYTES,
        include_dashboard=False,
        log_to_driver=False,
        logging_level="ERROR",
        _node_ip_address=HERE,
        # Ray's workers give way to every other program (15); those of a study are the work itself.
        _system_config={"worker_niceness": 0},
    )


def _works(ray: Any, handle: Any) -> bool:
    ended, _ = ray.wait([handle], timeout=0)
    return not ended


def _died(ray: Any, handle: Any) -> str | None:
    """What killed a worker; None for one that has ended by itself."""
    try:
        ray.get(handle)
    except ray.exceptions.RayError as error:
        return str(error).strip().splitlines()[-1]
    return None


def _import_ray() -> Any:
    """Ray, an optional extra."""
    try:
        import ray
        import ray.exceptions
    except ImportError as error:
        raise MaskwrightError(
            "Workers are started by Ray: pip install 'maskwright[ray]'."
        ) from error
    return ray
