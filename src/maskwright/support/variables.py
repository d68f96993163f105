"""Environment variables: what they ask for, and what is left in them. The only file that knows them, and free of torch."""

from __future__ import annotations

import os
from pathlib import Path

SPINS = "2000"


def cache_folder() -> Path:
    """Return the folder for rebuildable files: $MASKWRIGHT_CACHE, else $XDG_CACHE_HOME/maskwright, else ~/.cache/maskwright."""
    if chosen := os.environ.get("MASKWRIGHT_CACHE"):
        return Path(chosen)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "maskwright"


def process_rank() -> tuple[int, int]:
    """(rank, world size) as told by the launcher; (0, 1) for a single process."""
    return int(os.environ.get("RANK", os.environ.get("LOCAL_RANK", 0))), int(
        os.environ.get("WORLD_SIZE", 1)
    )


def hush_trackers() -> None:
    """Switch off the telemetry of optional trackers, unless the user asked for it."""
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")


def tracker_mode() -> str:
    """What WANDB_MODE says; offline when it says nothing, so that nothing leaves the machine unasked."""
    return os.environ.get("WANDB_MODE", "offline")


def join_folder(path: Path) -> None:
    """Tell processes that are started from this one which run folder they belong to."""
    os.environ["MASKWRIGHT_RUN"] = str(path)


def joined_folder() -> Path | None:
    """The run folder that the first process has settled, when this is another process of the same run."""
    rank, _ = process_rank()
    return (
        Path(os.environ["MASKWRIGHT_RUN"]) if rank > 0 and "MASKWRIGHT_RUN" in os.environ else None
    )


def wait_briefly() -> None:
    """Let waiting OpenMP threads sleep soon, not spin, unless the user says otherwise: beside busy programs this halves a step.

    It has to be said before torch is loaded.
    """
    if not {"GOMP_SPINCOUNT", "OMP_WAIT_POLICY"} & os.environ.keys():
        os.environ["GOMP_SPINCOUNT"] = SPINS
