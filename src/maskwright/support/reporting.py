"""How long work speaks while it runs: sentences and progress, to a terminal, a log file
or nobody.
"""

from __future__ import annotations

import logging
import time
from pathlib import Path
from typing import Protocol

log = logging.getLogger("maskwright")
log.addHandler(
    logging.NullHandler()
)  # or Python prints every warning a second time where nobody listens


class Reporter(Protocol):
    """Whoever listens to a running workflow."""

    def say(self, text: str) -> None:
        """One sentence or line for the person at the screen."""

    def warn(self, text: str) -> None:
        """Something the person should know before trusting the result."""

    def progress(self, label: str, done: float, total: float, detail: str) -> None:
        """How far a long piece of work is; may be called at every step."""

    def finish(self) -> None:
        """The long piece of work that was shown last has ended."""


class LogReporter:
    """Speaks through `logging`, progress as a plain line every few seconds; shown on standard error
    where nobody set up logging.
    """

    def __init__(self, seconds: float = 10.0, visible: bool = True) -> None:
        """visible: set up plain output when the program has none, as a notebook or a
        script hasn't.
        """
        if visible and not _is_shown():
            log.addHandler(logging.StreamHandler())
            log.setLevel(logging.INFO)
        self._seconds = seconds
        self._last = ("", 0.0)

    def say(self, text: str) -> None:
        log.info(text)

    def warn(self, text: str) -> None:
        log.warning(text)

    def progress(self, label: str, done: float, total: float, detail: str) -> None:
        now = time.monotonic()
        if self._last[0] != label or now - self._last[1] >= self._seconds:
            self._last = (label, now)
            log.info("%s %d%%  %s", label, round(100 * done / max(total, 1e-9)), detail)

    def finish(self) -> None:
        self._last = ("", 0.0)


def _is_shown() -> bool:
    """Whether a handler of this package's log or of one above it shows it to somebody; files and
    the silent one do not.
    """
    place: logging.Logger | None = log
    while place is not None:
        if any(
            not isinstance(handler, (logging.NullHandler, logging.FileHandler))
            for handler in place.handlers
        ):
            return True
        place = place.parent if place.propagate else None
    return False


def write_log_file(path: Path) -> logging.Handler:
    """Send everything the package logs to a file with times; the caller removes the handler when
    the work ends.
    """
    handler = logging.FileHandler(path, encoding="utf-8")
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)-7s %(message)s"))
    log.addHandler(handler)
    log.setLevel(logging.INFO)
    return handler
