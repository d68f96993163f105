"""How far a training is: by optimizer steps, or by minutes on the wall."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass, field


@dataclass
class Clock:
    """Progress of a training that ends after a number of steps, or after minutes.

    total_steps: optimizer steps; None where minutes decide.
    minutes: length on the wall; where they are given, steps do not count.
    earlier_seconds: of earlier, interrupted parts of the run.
    """

    total_steps: int | None
    minutes: float | None = None
    earlier_seconds: float = 0.0
    _started: float = field(default_factory=time.monotonic)
    # What the first of several processes last said; None where this one goes by its own time.
    _said: float | None = None

    def start(self) -> None:
        self._started = time.monotonic()

    def now(self) -> float:
        """Wall-clock seconds of training so far, by this process's own time."""
        return self.earlier_seconds + time.monotonic() - self._started

    def set(self, seconds: float) -> None:
        """Take the time from the first of several processes, until it is said anew."""
        self._said = seconds

    @property
    def seconds(self) -> float:
        """Wall-clock seconds of training so far, the same on all processes."""
        return self.now() if self._said is None else self._said

    def progress(self, step: int) -> float:
        """Share done before optimizer step `step`: 0 at the first, exactly 1 at the last."""
        if self.minutes is not None:
            return min(1.0, self.seconds / (60 * self.minutes))
        # By `total - 1`, so that the last step has reached the end of every schedule.
        return min(1.0, step / max(1, (self.total_steps or 1) - 1))

    def rate_progress(self, step: int) -> float:
        """Share for the learning rate: the middle of the step, so that no rate is zero."""
        if self.minutes is not None:
            return self.progress(step)
        return min(1.0, (step + 0.5) / max(1, self.total_steps or 1))

    def is_over(self, step: int) -> bool:
        """Whether the training ends before optimizer step `step`."""
        if self.minutes is not None:
            return self.seconds >= 60 * self.minutes
        return self.total_steps is not None and step >= self.total_steps

    def remaining_seconds(self, step: int) -> float:
        """A guess at the seconds left, from the speed so far."""
        if self.minutes is not None:
            return max(0.0, 60 * self.minutes - self.seconds)
        return self.seconds / max(1, step) * max(0, (self.total_steps or 0) - step)


def set_clock(
    batches: int,
    *,
    minutes: float | None,
    epochs: float,
    steps: int | None = None,
    accumulate: int = 1,
) -> Clock:
    """The clock of a training: minutes where they are given, else steps, else epochs.

    batches: of one epoch.
    accumulate: batches per optimizer step.
    """
    if minutes is not None:
        return Clock(None, minutes)
    if steps is not None:
        return Clock(steps)
    return Clock(count_steps(epochs, batches, accumulate))


def count_steps(epochs: float, batches_per_epoch: int, accumulate: int) -> int:
    """Optimizer steps in that many epochs.

    The last, shorter accumulation of an epoch is a step too.
    """
    return max(1, round(epochs * math.ceil(batches_per_epoch / accumulate)))
