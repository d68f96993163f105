"""Starting the other processes of a command on this machine, and their lives."""

from __future__ import annotations

import socket
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta

from maskwright.support.errors import MaskwrightError
from maskwright.support.variables import Launch, find_launch, launched_environment
from maskwright.training.group import PATIENCE, Group, ProcessLost, joined_group

# How long processes may take to end by themselves when the first one has ended.
SECONDS_TO_END = 30.0


@contextmanager
def started_group(module: str, count: int, patience: timedelta = PATIENCE) -> Iterator[Group]:
    """Start `count - 1` more processes that run `python -m MODULE`, and work with them.

    They hear from the first process, which is this one, what to do. When this one ends, they end.

    patience: how long one waits for the word of another.
    """
    first = Launch(0, count, 0, "127.0.0.1", free_port())
    children = [
        start_process(module, replace(first, rank=n, local_rank=n)) for n in range(1, count)
    ]

    def check() -> None:
        for rank, child in enumerate(children, 1):
            if child.poll() is not None:
                raise MaskwrightError(
                    f"Process {rank} of {count} ended at its start, with exit code"
                    f" {child.returncode}; its own words stand above."
                )

    try:
        with joined_group(first, check, patience) as group:
            yield group
    finally:
        end_processes(children)


def start_process(module: str, launch: Launch) -> subprocess.Popen[bytes]:
    """A process with a place in the group; what it prints goes where ours goes."""
    return subprocess.Popen([sys.executable, "-m", module], env=launched_environment(launch))


def live_as_helper(
    work: Callable[[Group], object], command: str, patience: timedelta = PATIENCE
) -> int:
    """The life of a process that `started_group` has started; returns its exit code.

    Its own output says what went wrong there.

    work: what it does with the others.
    command: that starts it, for somebody who starts it by hand.
    """
    launch = find_launch()
    if launch is None:
        sys.stderr.write(f"This is started by maskwright {command} --devices N, not by hand.\n")
        return 2
    try:
        with joined_group(launch, patience=patience) as group:
            work(group)
    # The first process says why it is gone, or that it was asked to stop.
    except (ProcessLost, KeyboardInterrupt):
        return 1
    except MaskwrightError as error:
        sys.stderr.write(f"maskwright, process {launch.rank}: {error}\n")
        return 1
    return 0


def end_processes(children: Sequence[subprocess.Popen[bytes]]) -> None:
    """Wait for processes to end, and end those that do not."""
    for child in children:
        try:
            child.wait(SECONDS_TO_END)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()


def free_port() -> int:
    """A port of this machine that nobody listens on."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])
