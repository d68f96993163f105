"""The processes that share the pictures of a command, and how they agree on what went wrong."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any, TypeVar

from maskwright.support.errors import MaskwrightError
from maskwright.support.reporting import LogReporter, Reporter
from maskwright.support.variables import Launch, find_launch
from maskwright.training.group import ALONE, Group, joined_group
from maskwright.training.launch import started_group

WORKER = "maskwright.workflows.picture_worker"
# Probes of the first process, or a slower card, may keep the others waiting for long. One that has
# died is noticed at once all the same, as its connection closes.
PATIENCE = timedelta(days=7)
Result = TypeVar("Result")


@dataclass(frozen=True)
class Work:
    """What the first process asks of those that it has started.

    command: such as `embed`.
    settings: of the command.
    """

    command: str
    settings: Any


class FirstFailed(MaskwrightError):
    """The first process has found a mistake, which it reports itself."""


@contextmanager
def sharing_processes(work: Work, devices: int | None, pictures: Any) -> Iterator[Group]:
    """The processes that a launcher has started, or `devices` of this machine; leaves them at the
    end.

    pictures: what they share.

    Raises MaskwrightError for processes that cannot work together.
    """
    launch = find_launch()
    if launch is not None:
        _check_count(launch, devices)
        with joined_group(launch, patience=PATIENCE) as group:
            yield group
    elif devices in (None, 1):
        yield ALONE
    else:
        _check_named(pictures, devices)
        with started_group(WORKER, devices, PATIENCE) as group:
            group.hear_first(work)
            yield group


def _check_count(launch: Launch, devices: int | None) -> None:
    if devices is not None and devices != launch.world_size:
        raise MaskwrightError(
            f"The launcher has started {launch.world_size} processes and --devices {devices} asks"
            " for others; leave --devices out."
        )


def _check_named(pictures: Any, devices: int) -> None:
    if not isinstance(pictures, (str, Path, type(None))):
        raise MaskwrightError(
            "Other processes cannot see an array or a Dataset of this one. Give the pictures by a"
            f" path, or start the program with torchrun --nproc-per-node {devices}."
        )


def reporter_of(group: Group, reporter: Reporter) -> Reporter:
    """The first process speaks for all."""
    return reporter if group.is_first else LogReporter(visible=False)


def first_alone(group: Group, work: Callable[[], Result]) -> Result:
    """Let the first process do what fills caches, and the others after it.

    A mistake is found and reported by the first one; raises FirstFailed on the others then.
    """
    if not group.is_first:
        reason = group.hear_first(None)
        if reason is not None:
            raise FirstFailed(f"The first of {group.world_size} processes says: {reason}")
        return work()
    try:
        result = work()
    except MaskwrightError as error:
        group.hear_first(str(error))
        raise
    group.hear_first(None)
    return result


@contextmanager
def together(group: Group) -> Iterator[None]:
    """Wait at the end until every process has done its share.

    Raises MaskwrightError on every process where one of them could not.
    """
    failure: MaskwrightError | None = None
    try:
        yield
    except MaskwrightError as error:
        failure = error
    reasons = group.hear_all(None if failure is None else str(failure))
    if failure is not None:
        raise failure
    for rank, reason in enumerate(reasons):
        if reason is not None:
            raise MaskwrightError(
                f"Process {rank} of {len(reasons)} could not do its share: {reason} What is done"
                " is kept for the next time."
            )
