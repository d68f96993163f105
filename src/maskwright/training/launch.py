"""Starting the other processes of a training on this machine."""

from __future__ import annotations

import socket
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta

from maskwright.support.errors import MaskwrightError
from maskwright.support.variables import Launch, launched_environment
from maskwright.training.group import PATIENCE, Group, joined_group

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
