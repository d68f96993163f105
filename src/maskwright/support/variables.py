"""Environment variables, read and written: the only file that knows them, and free of torch."""

from __future__ import annotations

import os
from pathlib import Path

from maskwright.support.errors import MaskwrightError
from maskwright.support.processors import affinity_count, usable_count

SPINS = "2000"  # times an OpenMP thread looks for work before it sleeps


def cache_folder() -> Path:
    """Return the folder for files that can be made again.

    It is $MASKWRIGHT_CACHE, else $XDG_CACHE_HOME/maskwright, else ~/.cache/maskwright. Raises
    MaskwrightError when none of the three is known, as in a container whose user has no home.
    """
    if ours := os.environ.get("MASKWRIGHT_CACHE"):
        return Path(ours)
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
    """(rank, world size) as the launcher has set them; (0, 1) for a single process."""
    # Lightning's own launcher sets the local rank alone
    rank = os.environ.get("RANK", os.environ.get("LOCAL_RANK", 0))
    world_size = os.environ.get("WORLD_SIZE", 1)
    return int(rank), int(world_size)


def quiet_trackers() -> None:
    """Switch off the telemetry of optional trackers, unless the user asked for it."""
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")


def tracker_mode() -> str | None:
    """What WANDB_MODE says; None where it is not set."""
    return os.environ.get("WANDB_MODE")


def join_folder(path: Path) -> None:
    """Leave the run folder to processes that are started from this one."""
    os.environ["MASKWRIGHT_RUN"] = str(path)


def joined_folder() -> Path | None:
    """The run folder that the first process has chosen; None in the first process itself."""
    rank, _ = process_rank()
    folder = os.environ.get("MASKWRIGHT_RUN")
    return Path(folder) if rank > 0 and folder is not None else None


def wait_briefly() -> None:
    """Let waiting OpenMP threads sleep soon, not spin, unless the user says otherwise.

    Beside busy programs this halves the time of a step. It works only before torch is loaded.
    """
    if not {"GOMP_SPINCOUNT", "OMP_WAIT_POLICY"} & os.environ.keys():
        os.environ["GOMP_SPINCOUNT"] = SPINS


def limit_threads() -> None:
    """Let torch use as many threads as the container has processors, unless the user chose.

    torch counts the processors of the machine: 64 threads on a share of two wait for each other
    most of the time. It works only before torch is loaded.
    """
    allowed = usable_count()
    is_set = {"OMP_NUM_THREADS", "MKL_NUM_THREADS"} & os.environ.keys()
    if allowed < affinity_count() and not is_set:
        os.environ["OMP_NUM_THREADS"] = str(allowed)
