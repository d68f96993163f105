"""Environment variables: what they ask for, and what is left in them. The only file that knows
them, and free of torch.
"""

from __future__ import annotations

import os
from pathlib import Path

from maskwright.support.errors import MaskwrightError
from maskwright.support.processors import affinity_count, usable_count

SPINS = "2000"


def cache_folder() -> Path:
    """Return the folder for rebuildable files: $MASKWRIGHT_CACHE, else $XDG_CACHE_HOME/maskwright,
    else ~/.cache/maskwright.

    Raises MaskwrightError when none of the three is known, as in a container whose user has no
    home.
    """
    if chosen := os.environ.get("MASKWRIGHT_CACHE"):
        return Path(chosen)
    if shared := os.environ.get("XDG_CACHE_HOME"):
        return Path(shared) / "maskwright"
    try:
        return Path.home() / ".cache" / "maskwright"
    except RuntimeError as error:
        raise MaskwrightError(
            "There is no home folder to keep the cache in; set MASKWRIGHT_CACHE to a folder that"
            " can be written."
        ) from error


def is_in_cache(path: Path | str) -> bool:
    """Whether a path is the cache folder or inside of it."""
    try:
        return Path(path).absolute().is_relative_to(cache_folder().absolute())
    except MaskwrightError:
        return False


def process_rank() -> tuple[int, int]:
    """(rank, world size) as told by the launcher; (0, 1) for a single process."""
    return int(os.environ.get("RANK", os.environ.get("LOCAL_RANK", 0))), int(
        os.environ.get("WORLD_SIZE", 1)
    )


def quiet_trackers() -> None:
    """Switch off the telemetry of optional trackers, unless the user asked for it."""
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")


def tracker_mode() -> str:
    """What WANDB_MODE says; offline when it says nothing, so that nothing leaves the machine
    unasked.
    """
    return os.environ.get("WANDB_MODE", "offline")


def join_folder(path: Path) -> None:
    """Tell processes that are started from this one which run folder they belong to."""
    os.environ["MASKWRIGHT_RUN"] = str(path)


def joined_folder() -> Path | None:
    """The run folder that the first process has settled, when this is another process of the same
    run.
    """
    rank, _ = process_rank()
    return (
        Path(os.environ["MASKWRIGHT_RUN"]) if rank > 0 and "MASKWRIGHT_RUN" in os.environ else None
    )


def wait_briefly() -> None:
    """Let waiting OpenMP threads sleep soon, not spin, unless the user says otherwise: beside busy
    programs this halves a step.

    It has to be said before torch is loaded.
    """
    if not {"GOMP_SPINCOUNT", "OMP_WAIT_POLICY"} & os.environ.keys():
        os.environ["GOMP_SPINCOUNT"] = SPINS


def limit_threads() -> None:
    """Let torch use as many threads as the container's share of processors, unless the user says
    otherwise.

    torch counts the processors of the machine: 64 threads on a share of two wait for each other
    most of the time. It has to be said before torch is loaded.
    """
    allowed = usable_count()
    if (
        allowed < affinity_count()
        and not {"OMP_NUM_THREADS", "MKL_NUM_THREADS"} & os.environ.keys()
    ):
        os.environ["OMP_NUM_THREADS"] = str(allowed)
