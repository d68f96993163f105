"""Ctrl-C, SIGTERM and SIGUSR1 as a polite request.

The running step ends, the state is written, and the run can be resumed. SIGUSR1 is what SLURM sends
before the time of a job is over, where it is asked to (`--signal=USR1@120`).
"""

from __future__ import annotations

import signal
import threading
from types import FrameType
from typing import Any

from maskwright.support.termination import REQUESTS
from maskwright.training.callback import Callback
from maskwright.training.trainer import Trainer

SIGNALS = (signal.SIGINT, *REQUESTS)


class StopSignals(Callback):
    """Remembers the first request to stop; a second one interrupts at once.

    The handlers are set when training starts, and taken back when it ends.
    """

    def __init__(self) -> None:
        self._asked = threading.Event()
        # What handled the signals before, to be put back.
        self._earlier: dict[signal.Signals, Any] = {}

    def asked(self) -> bool:
        return self._asked.is_set()

    def on_train_start(self, trainer: Trainer, module: Any) -> None:
        # Python allows handlers in the main thread only.
        if threading.current_thread() is threading.main_thread():
            self._earlier = {number: signal.signal(number, self._remember) for number in SIGNALS}

    def on_train_end(self, trainer: Trainer, module: Any) -> None:
        self._take_back()

    def on_exception(self, trainer: Trainer, module: Any) -> None:
        self._take_back()

    def _remember(self, number: int, frame: FrameType | None) -> None:
        # Whoever presses Ctrl-C twice does not want to wait for the step.
        if self._asked.is_set():
            raise KeyboardInterrupt
        self._asked.set()

    def _take_back(self) -> None:
        for number, handler in self._earlier.items():
            signal.signal(number, handler)
        self._earlier = {}
