"""A request to end, from a scheduler or `kill`, heard as Ctrl-C is: work is put down in order."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

# Windows has no SIGUSR1, which SLURM sends before the time of a job is over.
REQUESTS = tuple(getattr(signal, name) for name in ("SIGTERM", "SIGUSR1") if hasattr(signal, name))


@contextmanager
def ended_as_by_ctrl_c(first: Callable[[], Any] | None = None) -> Iterator[None]:
    """Raise KeyboardInterrupt where SIGTERM or SIGUSR1 would kill this process without a word.

    first: called before, to pass the request on to processes that only this one knows. After
        Ctrl-C it is not called: a terminal sends that to all of them.

    Does nothing outside the main thread, where Python allows no handlers.
    """

    def interrupt(number: int, frame: FrameType | None) -> None:
        if first is not None:
            first()
        raise KeyboardInterrupt

    if threading.current_thread() is not threading.main_thread():
        yield
        return
    earlier = {number: signal.signal(number, interrupt) for number in REQUESTS}
    try:
        yield
    finally:
        for number, handler in earlier.items():
            signal.signal(number, handler)
