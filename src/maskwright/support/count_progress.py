"""Progress of work that is counted, with the time it will still take."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from maskwright.support.reporting import Reporter

# A rate over a shorter time says little, and short work needs no forecast.
SECONDS_TO_MEASURE = 3.0


class CountProgress:
    """Shows `1,200 of 5,000 pictures, 40s left` for one piece of work."""

    def __init__(
        self,
        reporter: Reporter,
        label: str,
        noun: str = "pictures",
        *,
        hidden_seconds: float = 0.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Begin with nothing done.

        label: what the work is called.
        noun: what is counted.
        hidden_seconds: work that is over sooner is not shown at all.
        clock: gives seconds.
        """
        self._reporter = reporter
        self._label = label
        self._noun = noun
        self._hidden_seconds = hidden_seconds
        self._clock = clock
        self._began = clock()
        self._first: tuple[float, int] | None = None

    def show(self, done: int, total: int) -> None:
        """Say how many are done; may be called at every step."""
        now = self._clock()
        # Work that goes on after an interruption begins with many done, which say nothing of speed.
        if self._first is None:
            self._first = (now, done)
        if now - self._began < self._hidden_seconds:
            return
        detail = f"{done:,} of {total:,} {self._noun}{self._left(now, done, total)}"
        self._reporter.progress(self._label, done, total, detail)

    def _left(self, now: float, done: int, total: int) -> str:
        assert self._first is not None
        since, before = self._first
        spent = now - since
        if spent < SECONDS_TO_MEASURE or done <= before or done >= total:
            return ""
        left = spent * (total - done) / (done - before)
        return f", {format_time(left)} left"


@dataclass
class PictureCounter:
    """Counts pictures and shows how far the work is.

    progress: where it is shown.
    total: how many there are.
    done: how many are done.
    """

    progress: CountProgress
    total: int
    done: int = 0

    def add(self, count: int) -> None:
        """So many more are done."""
        self.done += count
        self.progress.show(self.done, self.total)


def format_time(seconds: float) -> str:
    """Seconds as people read them: 42s, 3m10s, 2h05m."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole}s"
    if whole < 3600:
        return f"{whole // 60}m{whole % 60:02d}s"
    return f"{whole // 3600}h{whole % 3600 // 60:02d}m"
