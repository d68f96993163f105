"""The shapes of schedules: constant, ramps, steps, and values drawn by chance.

A schedule gives its value at a progress, the share of the training that is done, in [0, 1].
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal, Protocol

from maskwright.support.errors import MaskwrightError

# Values that pictures of one batch draw from: pictures of one value go through the model together,
# so few values make large parts. An odd number, so that the middle is among them.
LEVELS = 7


class Schedule(Protocol):
    """A number at a progress in [0, 1]."""

    def at(self, progress: float, draw: float = 0.5) -> float:
        """The value; `draw` in [0, 1) is this step's random number, for random schedules alone."""
        ...


@dataclass(frozen=True)
class Constant:
    """The same value always."""

    value: float

    def at(self, progress: float, draw: float = 0.5) -> float:
        return self.value

    def __str__(self) -> str:
        return f"{self.value:g}"


@dataclass(frozen=True)
class Linear:
    """A straight ramp from start to end, and the end from then on; both endpoints exact.

    until: the progress at which the end is reached.
    """

    start: float
    end: float
    until: float = 1.0

    def at(self, progress: float, draw: float = 0.5) -> float:
        return _between(self.start, self.end, _share(progress, self.until))

    def __str__(self) -> str:
        ramp = f"{self.start:g}->{self.end:g}"
        return ramp if self.until == 1 else f"linear({ramp}, until={self.until:g})"


@dataclass(frozen=True)
class Cosine:
    """Half a cosine from start to end: slow, fast, slow; both endpoints exact."""

    start: float
    end: float
    until: float = 1.0

    def at(self, progress: float, draw: float = 0.5) -> float:
        angle = math.pi * _share(progress, self.until)
        return _between(self.start, self.end, 0.5 - 0.5 * math.cos(angle))

    def __str__(self) -> str:
        more = "" if self.until == 1 else f", until={self.until:g}"
        return f"cosine({self.start:g}->{self.end:g}{more})"


@dataclass(frozen=True)
class Steps:
    """One value after another.

    values: in their order.
    at_progress: when each value after the first begins.
    """

    values: tuple[float, ...]
    at_progress: tuple[float, ...]

    def __post_init__(self) -> None:
        is_rising = list(self.at_progress) == sorted(self.at_progress)
        if len(self.at_progress) != len(self.values) - 1 or not is_rising:
            raise MaskwrightError(
                f"steps() with {len(self.values)} values needs {len(self.values) - 1} rising change"
                " points (at=[...])."
            )

    def at(self, progress: float, draw: float = 0.5) -> float:
        passed = sum(progress >= point for point in self.at_progress)
        return self.values[passed]

    def __str__(self) -> str:
        values = ", ".join(f"{value:g}" for value in self.values)
        points = ", ".join(f"{point:g}" for point in self.at_progress)
        return f"steps({values}, at=[{points}])"


@dataclass(frozen=True)
class Uniform:
    """A fresh value from [low, high] at every step (R2MAE, Dong et al. 2025).

    Formula: value = low + (high - low) u, u uniform in [0, 1)

    per: "step", one value for the whole batch, or "picture", one for each picture and epoch; the
        latter is for ratios alone.
    levels: take one of so many equally spaced values, both ends among them; any value for None.
    """

    low: float
    high: float
    per: Literal["step", "picture"] = "step"
    levels: int | None = None

    def at(self, progress: float, draw: float = 0.5) -> float:
        if self.levels is not None:
            last = self.levels - 1
            draw = min(math.floor(draw * self.levels), last) / last
        return _between(self.low, self.high, draw)

    def __str__(self) -> str:
        more = "" if self.per == "step" else f", per='{self.per}'"
        if self.levels != (None if self.per == "step" else LEVELS):
            more += f", levels={self.levels}"
        return f"uniform({self.low:g}, {self.high:g}{more})"


def _share(progress: float, until: float) -> float:
    """How much of a ramp is done, in [0, 1]."""
    return min(max(progress, 0.0) / until, 1.0)


def _between(start: float, end: float, share: float) -> float:
    """Interpolate so that both ends come out exactly."""
    # start + (end - start) need not equal end in floating point
    return end if share >= 1 else start + (end - start) * share
