"""Environment variables, read and written: the only file that knows them, and free of torch."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
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


def remote_cache_bytes() -> float:
    """How much of the cache copies of remote files may fill, in bytes.

    $MASKWRIGHT_REMOTE_CACHE in GB, else 50 GB. Raises MaskwrightError where that is no size.
    """
    said = os.environ.get("MASKWRIGHT_REMOTE_CACHE", "50")
    try:
        size = float(said)
    except ValueError:
        size = -1.0
    if not size > 0:
        raise MaskwrightError(
            f"MASKWRIGHT_REMOTE_CACHE is a size in GB, for example 50; got '{said}'."
        )
    return size * 1e9


def is_in_cache(path: Path | str) -> bool:
    """Whether a path is the cache folder or inside of it."""
    try:
        return Path(path).absolute().is_relative_to(cache_folder().absolute())
    except MaskwrightError:
        return False


@dataclass(frozen=True)
class Launch:
    """What a launcher says to one of the processes that it has started.

    rank, world_size: the number of this process, and how many there are.
    local_rank: its number on this machine.
    address, port: where the first process can be reached; no port where the launcher itself keeps
        the meeting place, as torchrun does.
    nodes: how many machines they run on, as far as the launcher says.
    """

    rank: int
    world_size: int
    local_rank: int
    address: str
    port: int | None
    nodes: int = 1


def find_launch() -> Launch | None:
    """What torchrun, SLURM's srun or our own launch has said to this process; None alone."""
    words = os.environ
    world_size = int(words.get("WORLD_SIZE", 1))
    if world_size > 1 and "RANK" in words and "MASTER_ADDR" in words:
        kept = words.get("TORCHELASTIC_USE_AGENT_STORE") == "True"
        return Launch(
            rank=int(words["RANK"]),
            world_size=world_size,
            local_rank=int(words.get("LOCAL_RANK", 0)),
            address=words["MASTER_ADDR"],
            port=None if kept else int(words["MASTER_PORT"]),
            # torchrun says how many of them are on this machine; of others we know no better.
            nodes=world_size // int(words.get("LOCAL_WORLD_SIZE", world_size)),
        )
    # Only srun numbers a step; a batch script itself is one process whatever it has reserved.
    if int(words.get("SLURM_NTASKS", 1)) > 1 and "SLURM_PROCID" in words and _in_step():
        return Launch(
            rank=int(words["SLURM_PROCID"]),
            world_size=int(words["SLURM_NTASKS"]),
            local_rank=int(words.get("SLURM_LOCALID", 0)),
            address=words.get("MASTER_ADDR") or first_host(words["SLURM_JOB_NODELIST"]),
            # All tasks of a job agree on it without a word.
            port=int(words.get("MASTER_PORT") or 15_000 + int(words["SLURM_JOB_ID"]) % 10_000),
            nodes=int(words.get("SLURM_STEP_NUM_NODES", 1)),
        )
    return None


def _in_step() -> bool:
    return os.environ.get("SLURM_STEP_ID", "").isdigit()


def first_host(nodes: str) -> str:
    """The first of SLURM's `node[03-07,09],other` or `node3`."""
    name, _, numbers = nodes.partition("[")
    if not numbers or "," in name:
        return name.partition(",")[0]
    first = re.match(r"\d+", numbers)
    return name + (first.group() if first else "")


def launched_environment(launch: Launch) -> dict[str, str]:
    """This process's environment, with what `find_launch` reads in the started one."""
    said = {
        "RANK": str(launch.rank),
        "WORLD_SIZE": str(launch.world_size),
        "LOCAL_RANK": str(launch.local_rank),
        "MASTER_ADDR": launch.address,
        "MASTER_PORT": str(launch.port),
    }
    return {**os.environ, **said}


def process_rank() -> tuple[int, int]:
    """(rank, world size) as a launcher has said; (0, 1) for a single process."""
    launch = find_launch()
    return (0, 1) if launch is None else (launch.rank, launch.world_size)


def quiet_trackers() -> None:
    """Switch off the telemetry of optional trackers, unless the user asked for it."""
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")


def quiet_ray() -> None:
    """Switch off Ray's telemetry and a warning of what it will do about cards in future versions,
    unless the user asked for them.
    """
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")


def tracker_mode() -> str | None:
    """What WANDB_MODE says; None where it is not set."""
    return os.environ.get("WANDB_MODE")


def studio_token() -> str | None:
    """The studio's token from MASKWRIGHT_TOKEN; None where it is not set.

    Other users of a machine can read the words of a command, but not its environment.
    """
    return os.environ.get("MASKWRIGHT_TOKEN") or None


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
