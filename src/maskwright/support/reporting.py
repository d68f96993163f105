"""What long work says while it runs: sentences and progress, to a terminal, a log or nobody."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Protocol, runtime_checkable

log = logging.getLogger("maskwright")
# Without a handler Python prints every warning on standard error, beside what a reporter shows.
log.addHandler(logging.NullHandler())


class Reporter(Protocol):
    """Whoever listens to a running workflow."""

    def say(self, text: str) -> None:
        """One sentence or line for the person at the screen."""

    def warn(self, text: str) -> None:
        """Something the person should know before trusting the result."""

    def progress(
        self,
        label: str,
        done: float,
        total: float,
        detail: str,
    ) -> None:
        """How far a long piece of work is; may be called at every step."""

    def finish(self) -> None:
        """The long piece of work that was shown last has ended."""


@runtime_checkable
class CurvesReporter(Reporter, Protocol):
    """A listener that can show pictures too, as a notebook can."""

    def show_curves(self, png: bytes) -> None:
        """The curves of the training that is running, as a PNG; each replaces the one before."""


def curves_shown_by(reporter: Reporter) -> Callable[[bytes], None] | None:
    """What takes the curves of a training, where the listener can show them."""
    return reporter.show_curves if isinstance(reporter, CurvesReporter) else None


def say_result(reporter: Reporter, lines: Iterable[str]) -> None:
    """Say the lines of a result, except to a listener that shows results themselves.

    In a notebook the value of a cell is shown, and its table would stand there twice.
    """
    if getattr(reporter, "shows_results", False):
        return
    for line in lines:
        reporter.say(line)


class LogReporter:
    """Speaks through `logging`, progress as a plain line every few seconds."""

    def __init__(self, seconds: float = 10.0, visible: bool = True) -> None:
        """Set up plain output on standard error where the program has none.

        seconds: between two lines of progress.
        visible: whether to set up output at all.
        """
        if visible and not _is_shown():
            log.addHandler(logging.StreamHandler())
            log.setLevel(logging.INFO)
        self._seconds = seconds
        self._last = ("", 0.0)  # what was shown last, and when

    def say(self, text: str) -> None:
        log.info(text)

    def warn(self, text: str) -> None:
        log.warning(text)

    def progress(
        self,
        label: str,
        done: float,
        total: float,
        detail: str,
    ) -> None:
        # called at every step: a new piece of work is shown at once, then now and again
        now = time.monotonic()
        last_label, last_time = self._last
        if last_label != label or now - last_time >= self._seconds:
            self._last = (label, now)
            percent = round(100 * done / max(total, 1e-9))
            log.info("%s %d%%  %s", label, percent, detail)

    def finish(self) -> None:
        self._last = ("", 0.0)


def _is_shown() -> bool:
    """Whether a handler of this package's log, or of a log above it, shows lines to somebody."""
    silent = (logging.NullHandler, logging.FileHandler)
    # lines go up from log to log until one does not pass them on
    logger: logging.Logger | None = log
    while logger is not None:
        if not all(isinstance(handler, silent) for handler in logger.handlers):
            return True
        logger = logger.parent if logger.propagate else None
    return False


def write_log_file(path: Path) -> logging.Handler:
    """Send everything that the package logs to a file, with times.

    The caller removes the handler when the work ends.
    """
    handler = logging.FileHandler(path, encoding="utf-8")
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)-7s %(message)s"))
    log.addHandler(handler)
    log.setLevel(logging.INFO)
    return handler
