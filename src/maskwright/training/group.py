"""The processes that train together, and what they say to each other.

Alone, every question is answered by the one process there is, so callers never ask how many there
are.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor

from maskwright.support.errors import MaskwrightError
from maskwright.support.variables import Launch
from maskwright.support.whole_batch import join_rows

# The first process may decode millions of pictures while the others wait for its word.
PATIENCE = timedelta(hours=2)
# Processes that are started together should meet within this time.
ARRIVAL = timedelta(minutes=10)


@dataclass(frozen=True)
class Group:
    """One process among those that train together.

    rank: its number; the first, 0, decides and writes.
    world_size: how many there are.
    local_rank: its number on this machine.
    """

    rank: int = 0
    world_size: int = 1
    local_rank: int = 0

    @property
    def is_first(self) -> bool:
        """Whether this process decides and writes."""
        return self.rank == 0

    def hear_first(self, value: Any) -> Any:
        """What the first process says, on every process; `value` counts on the first alone."""
        if self.world_size == 1:
            return value
        box = [value]
        try:
            dist.broadcast_object_list(box, src=0)
        except RuntimeError as error:
            raise ProcessLost(self) from error
        return box[0]

    def hear_all(self, value: Any) -> list[Any]:
        """What every process says, in the order of their ranks."""
        if self.world_size == 1:
            return [value]
        said: list[Any] = [None] * self.world_size
        try:
            dist.all_gather_object(said, value)
        except RuntimeError as error:
            raise ProcessLost(self) from error
        return said

    def total(self, values: list[float]) -> list[float]:
        """The sum over processes of each number; a single small message, on the CPU."""
        return self._reduce(values, dist.ReduceOp.SUM)

    def mean(self, value: float) -> float:
        """The mean over processes."""
        return self.total([value])[0] / self.world_size

    def largest(self, value: float) -> float:
        """The largest over processes."""
        return self._reduce([value], dist.ReduceOp.MAX)[0]

    def _reduce(self, values: list[float], operation: Any) -> list[float]:
        if self.world_size == 1:
            return values
        numbers = torch.tensor(values, dtype=torch.float64)
        try:
            dist.all_reduce(numbers, operation)
        except RuntimeError as error:
            raise ProcessLost(self) from error
        return numbers.tolist()

    def gather_rows(self, rows: Tensor) -> Tensor:
        """The rows (B, ...) of all processes, one after another; no gradient."""
        if self.world_size == 1:
            return rows
        rows = rows.detach().contiguous()
        parts = [torch.empty_like(rows) for _ in range(self.world_size)]
        dist.all_gather(parts, rows)
        return torch.cat(parts)

    def join_rows(self, rows: Tensor) -> Tensor:
        """The rows (B, ...) of all processes for a loss that compares them; see `whole_batch`."""
        return rows if self.world_size == 1 else join_rows(rows)


ALONE = Group()


def card_number(local_rank: int) -> int:
    """Which of the cards that a process sees is its own.

    SLURM may show every process one card alone, which then is number 0 for all; and processes that
    compute on the CPU may be more than there are cards.
    """
    return local_rank % max(1, torch.cuda.device_count())


class ProcessLost(MaskwrightError):
    """Another process has ended, or cannot be reached."""

    def __init__(self, group: Group) -> None:
        super().__init__(
            f"Another of the {group.world_size} processes has ended or cannot be reached, so this"
            f" one (number {group.rank}) stops too; look into that process's own output for the"
            " reason. A training goes on from its last checkpoint with --resume, another command"
            " when it is run again."
        )


def is_lost_process(error: BaseException) -> bool:
    """Whether an error of torch means that another process cannot be reached."""
    if isinstance(error, dist.DistError):
        return True
    return isinstance(error, RuntimeError) and "gloo" in str(error)


@contextmanager
def joined_group(
    launch: Launch,
    check: Callable[[], None] = lambda: None,
    patience: timedelta = PATIENCE,
) -> Iterator[Group]:
    """Join the processes that a launcher has started; leaves them at the end.

    check: called while the first process waits for the others; raises when one of them has ended.
    patience: how long one waits for the word of another.

    Raises MaskwrightError when they cannot be reached.
    """
    # Numbers of the processes travel over gloo on the CPU, gradients of cards over NCCL.
    has_cards = torch.cuda.is_available() and dist.is_nccl_available()
    if has_cards:
        torch.cuda.set_device(card_number(launch.local_rank))
    backend = "cpu:gloo,cuda:nccl" if has_cards else "gloo"
    try:
        if launch.port is None:
            # The launcher keeps the meeting place, and torch finds it by itself.
            dist.init_process_group(backend, timeout=patience)
        else:
            dist.init_process_group(
                backend,
                store=_meet(launch, check),
                rank=launch.rank,
                world_size=launch.world_size,
                timeout=patience,
            )
    except (RuntimeError, ValueError) as error:
        raise MaskwrightError(
            f"Process {launch.rank} of {launch.world_size} cannot reach the others at"
            f" {launch.address}:{launch.port}: {error}"
        ) from error
    try:
        yield Group(launch.rank, launch.world_size, launch.local_rank)
    finally:
        dist.destroy_process_group()


def _meet(launch: Launch, check: Callable[[], None]) -> dist.TCPStore:
    """Wait until all processes have come to the meeting place, which the first one keeps."""
    store = dist.TCPStore(
        launch.address,
        int(launch.port or 0),
        launch.world_size,
        is_master=launch.rank == 0,
        timeout=ARRIVAL,
        wait_for_workers=False,
    )
    store.add("arrived", 1)
    # torch would wait for a process that has died at its start until the time is over.
    deadline = time.monotonic() + ARRIVAL.total_seconds()
    while launch.rank == 0 and (here := store.add("arrived", 0)) < launch.world_size:
        check()
        if time.monotonic() > deadline:
            raise MaskwrightError(
                f"Only {here} of {launch.world_size} processes came within"
                f" {ARRIVAL.total_seconds() / 60:.0f} minutes; look into the output of the others."
            )
        time.sleep(0.05)
    return store
