"""Workers that a launcher starts elsewhere: which launchers there are, and how one is named."""

from __future__ import annotations

from collections.abc import Callable

from maskwright.studies.ray_workers import work_with_ray
from maskwright.studies.submitit_workers import work_with_submitit
from maskwright.studies.workers import Job
from maskwright.support.errors import MaskwrightError, unknown_name
from maskwright.support.reporting import Reporter
from maskwright.support.shorthand import Call, parse_value

# Each starts the workers of a job and watches them; `local` tries submitit out without a cluster.
LAUNCHERS: dict[str, Callable[[Job, Call, Reporter], None]] = {
    "slurm": work_with_submitit,
    "ray": work_with_ray,
    "local": work_with_submitit,
}


def work_on_cluster(job: Job, launcher: str, reporter: Reporter) -> None:
    """Start the workers and show how far they are.

    launcher: `slurm(slurm_partition='gpu', gpus_per_node=1, timeout_min=240)` with the parameters
        of submitit's executor; `ray(address='auto', num_gpus=1)` with an address and the options of
        Ray's tasks.
    """
    call = read_launcher(launcher)
    LAUNCHERS[call.name](job, call, reporter)


def read_launcher(text: str) -> Call:
    """Read `slurm(...)`; raises MaskwrightError for another launcher."""
    call = parse_value(text)
    # Parameters of a launcher are named, because submitit and Ray know them by name.
    if not isinstance(call, Call) or call.args:
        raise MaskwrightError(
            f"A launcher is slurm or ray, or slurm(slurm_partition='gpu', timeout_min=240); got"
            f" '{text}'."
        )
    if call.name not in LAUNCHERS:
        raise unknown_name("launcher", call.name, list(LAUNCHERS))
    return call
