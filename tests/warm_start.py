"""Processes that tests start, from one that has imported torch and the package already.

A new Python takes three seconds of a processor for that. The fork server has done it once for all
tests of this process, and a copy of it starts at once. What a test starts in this way is a process
like any other: it has its own folder, variables and output, and can be killed.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from multiprocessing import get_context
from pathlib import Path
from types import TracebackType
from typing import Any

from maskwright.training.launch import free_port

WARM = get_context("forkserver")
WARM.set_forkserver_preload(["maskwright.cli.main", "maskwright.studies.workers", "torch"])
PATIENCE = 120.0


class WarmProcess:
    """A function that runs in a process of its own; a context ends it.

    output: where it writes what it says and complains of.
    """

    def __init__(
        self,
        function: Callable[..., Any],
        *values: Any,
        folder: Path,
        variables: Mapping[str, str] | None = None,
    ) -> None:
        """Start it.

        function: of a module, because the process finds it by name.
        values: pickled for it. What it returns is its exit code; None is 0.
        folder: its working folder, where its output lies too.
        variables: of its environment; those of this process where none are given.
        """
        self.output = folder / f"output-{time.monotonic_ns()}.txt"
        given = dict(os.environ if variables is None else variables)
        self._process = WARM.Process(
            target=_live, args=(function, values, str(folder), given, str(self.output))
        )
        self._process.start()

    def __enter__(self) -> WarmProcess:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._process.kill()
        self._process.join()

    @property
    def is_alive(self) -> bool:
        return self._process.is_alive()

    def send_signal(self, number: int) -> None:
        assert self._process.pid is not None
        os.kill(self._process.pid, number)

    def wait(self) -> int:
        """Its exit code, once it has ended; negative where a signal killed it."""
        self._process.join(PATIENCE)
        code = self._process.exitcode
        assert code is not None, f"It still runs:\n{self.said()}"
        return code

    def said(self) -> str:
        """What it has written so far."""
        return self.output.read_text() if self.output.exists() else ""


def warm_command(folder: Path, *words: str, variables: dict[str, str] | None = None) -> WarmProcess:
    """`maskwright WORDS` in a process of its own, with one thread."""
    return WarmProcess(run_command, *words, folder=folder, variables=variables)


def run_ranks(
    count: int,
    function: Callable[..., Any],
    *values: Any,
    folder: Path,
    variables: Mapping[str, str] | None = None,
) -> None:
    """Let so many processes run a function, each with the variables that a launcher sets for it,
    and wait until all have ended well.
    """
    shared = {
        **(os.environ if variables is None else variables),
        "MASTER_ADDR": "127.0.0.1",
        "MASTER_PORT": str(free_port()),
        "WORLD_SIZE": str(count),
        "OMP_NUM_THREADS": "1",
    }
    with ExitStack() as stack:
        ranks = []
        for rank in range(count):
            own = {**shared, "RANK": str(rank), "LOCAL_RANK": str(rank)}
            process = WarmProcess(function, *values, folder=folder, variables=own)
            ranks.append(stack.enter_context(process))
        codes = [process.wait() for process in ranks]
        said = "\n".join(process.said()[-3000:] for process in ranks)
    assert codes == [0] * count, said


def run_command(*words: str) -> int:
    """What the command `maskwright` does."""
    # Imported in the process that runs it, where it stands ready.
    from maskwright.cli.main import main

    return main(list(words))


def _live(
    function: Callable[..., Any],
    values: tuple[Any, ...],
    folder: str,
    variables: Mapping[str, str],
    output: str,
) -> None:
    """The life of the process: its own folder, variables and output, then the function."""
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(variables)
    # What a program of another language writes goes there, too.
    file = os.open(output, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    os.dup2(file, sys.stdout.fileno())
    os.dup2(file, sys.stderr.fileno())
    # pytest's process may have its own way with these.
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    sys.exit(function(*values) or 0)
