"""The only printer: sentences, tables and a progress bar on a terminal, plain lines everywhere
else.
"""

from __future__ import annotations

import logging
import sys
import time
from collections.abc import Sequence

from rich.console import Console
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from maskwright.support.text_table import format_table

log = logging.getLogger("maskwright")


class ConsoleReporter:
    """Speaks to the person at the screen; every sentence also goes to the log file of the run."""

    def __init__(self, seconds: float = 15.0) -> None:
        """seconds: time between plain progress lines where there is no terminal."""
        self.console = Console(highlight=False, soft_wrap=True)
        self._seconds = seconds
        # Label, time and detail of the last plain line.
        self._last = ("", float("-inf"), "")
        self._drawn = float("-inf")
        self._live: Live | None = None

    def say(self, text: str) -> None:
        log.info(text)
        self.console.print(text, markup=False)

    def warn(self, text: str) -> None:
        log.warning(text)
        self.console.print(Text(f"note: {text}", style="yellow"))

    def progress(self, label: str, done: float, total: float, detail: str) -> None:
        now = time.monotonic()
        # A terminal gets a bar at every step; a log file a line now and then.
        if self.console.is_terminal:
            self._draw(label, done, total, detail, now)
        # The same detail again says that nothing has moved.
        if self._last[0] != label or (
            now - self._last[1] >= self._seconds and detail != self._last[2]
        ):
            self._last = (label, now, detail)
            line = f"{label} {done / max(total, 1e-9):4.0%}  {detail}"
            log.info(line)
            if not self.console.is_terminal and detail:
                self.console.print(line, markup=False)

    def finish(self) -> None:
        if self._live is not None:
            self._live.stop()
            self._live = None
        self._last = ("", float("-inf"), "")

    def _draw(self, label: str, done: float, total: float, detail: str, now: float) -> None:
        # Ten times a second is all that an eye can follow; the last step is always drawn.
        if now - self._drawn < 0.1 and done < total:
            return
        self._drawn = now
        row = Table.grid(padding=(0, 1))
        row.add_row(
            Text(label),
            ProgressBar(total=total, completed=done, width=24),
            Text(f"{done / max(total, 1e-9):4.0%}"),
            Text(detail),
        )
        # The bar appears with the first progress and ends with `finish`.
        if self._live is None:
            self._live = Live(row, console=self.console, transient=False, auto_refresh=False)
            self._live.start()
        self._live.update(row, refresh=True)


class _Notes(logging.Handler):
    """Shows on standard error what rooms without a reporter have to say, such as that another
    process is waited for.
    """

    def __init__(self) -> None:
        super().__init__(logging.WARNING)

    def emit(self, record: logging.LogRecord) -> None:
        print(f"note: {record.getMessage()}", file=sys.stderr, flush=True)


def show_notes() -> None:
    """Let the warnings of the data room reach the person at the screen; a second call changes
    nothing.
    """
    # The data room has no reporter, so its warnings come through logging.
    data = logging.getLogger("maskwright.data")
    if not any(isinstance(handler, _Notes) for handler in data.handlers):
        data.addHandler(_Notes())


def print_text(text: str) -> None:
    """Print plain text."""
    print(text)


def print_note(text: str) -> None:
    """Print a sentence on standard error, so that what is printed can be read by a program."""
    print(f"note: {text}", file=sys.stderr)


def print_error(text: str) -> None:
    """Print a sentence on standard error."""
    print(f"maskwright: {text}", file=sys.stderr)


def print_table(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print columns aligned to the left, whatever letters are in them."""
    print("\n".join(format_table(rows, head=headings, indent=0, rule=True)))
