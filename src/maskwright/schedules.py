"""Numbers that change with training time: ratio, temperature, weights, shares.

A schedule gives its value at a progress, the share of the training that is done, in [0, 1].
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

from maskwright.support.errors import MaskwrightError, unknown_name
from maskwright.support.shorthand import Call, parse_value


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

    It is one value for the whole batch.
    """

    low: float
    high: float

    def at(self, progress: float, draw: float = 0.5) -> float:
        return self.low + (self.high - self.low) * draw

    def __str__(self) -> str:
        return f"uniform({self.low:g}, {self.high:g})"


def parse_schedule(value: Any) -> Schedule:
    """Build a schedule from a number or a line.

    >>> parse_schedule("0.5->0.75").at(0.5)
    0.625

    value: 0.75, "0.5->0.75", "cosine(0.5->0.75)", "linear(0.5->0.75, until=0.4)",
        "steps(0.5, 0.75, at=[0.4])" or "uniform(0.6, 0.9)"; a finished schedule stays.

    Raises MaskwrightError for anything else.
    """
    if isinstance(value, (Constant, Linear, Cosine, Steps, Uniform)):
        return value
    if isinstance(value, str):
        value = _arrow(value) or parse_value(value)
    # bool is a subclass of int, and True is no ratio
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return Constant(float(value))
    if isinstance(value, Call):
        return _from_call(value)
    # a ramp in quotes inside the line comes out of the parser as text
    ramp = _arrow(value) if isinstance(value, str) else value
    if isinstance(ramp, Linear):
        return ramp
    raise MaskwrightError(
        f"'{value}' is not a schedule; write 0.75, 0.5->0.75, cosine(0.5->0.75), steps(0.5, 0.75)"
        " or uniform(0.6, 0.9)."
    )


def parse_share(name: str, value: Any, *, owner: str) -> Schedule:
    """Build a schedule of shares in [0, 1]; a number is a constant one.

    name, owner: of the option and of what it belongs to, for the error.

    Raises MaskwrightError for other values, and for a schedule that draws them: whoever has such an
    option has no random number to draw with.
    """
    share = parse_schedule(value)
    # a hundred moments, because a cosine or steps may leave the range between its ends
    is_share = all(0 <= share.at(step / 100) <= 1 for step in range(101))
    if isinstance(share, Uniform) or not is_share:
        raise MaskwrightError(
            f"{owner} needs {name} to be a share from 0 to 1, or a schedule of them such as 0->1;"
            f" got {share}."
        )
    return share


def _from_call(call: Call) -> Schedule:
    """Build the schedule that a call such as cosine(0.5->0.75) names."""
    if call.name not in _SHAPES:
        raise unknown_name("schedule", call.name, _SHAPES)
    try:
        return _SHAPES[call.name](*call.args, **call.options)
    except MaskwrightError:
        raise  # it says already what is wrong
    except (TypeError, ValueError) as error:
        raise MaskwrightError(f"'{call}' does not fit: write {_FORMS[call.name]}.") from error


def _build_linear(ramp: str, until: float = 1.0) -> Schedule:
    start, end = _ends(ramp)
    return Linear(start, end, _checked_until(until))


def _build_cosine(ramp: str, until: float = 1.0) -> Schedule:
    start, end = _ends(ramp)
    return Cosine(start, end, _checked_until(until))


def _build_steps(*values: float, at: list[float] | None = None) -> Schedule:
    # without change points, every value gets an equal share of the training
    points = at if at is not None else [index / len(values) for index in range(1, len(values))]
    return Steps(values=tuple(map(float, values)), at_progress=tuple(map(float, points)))


def _build_uniform(low: float, high: float) -> Schedule:
    if low > high:
        raise MaskwrightError(f"uniform(low, high) needs low <= high; got {low:g} and {high:g}.")
    return Uniform(float(low), float(high))


# What builds each shape from the arguments of its call.
_SHAPES: dict[str, Callable[..., Schedule]] = {
    "linear": _build_linear,
    "cosine": _build_cosine,
    "steps": _build_steps,
    "uniform": _build_uniform,
}
# How each shape is written, for the error.
_FORMS = {
    "linear": "linear(0.5->0.75, until=0.4)",
    "cosine": "cosine(0.5->0.75)",
    "steps": "steps(0.5, 0.75, at=[0.4])",
    "uniform": "uniform(0.6, 0.9)",
}


def _arrow(text: str) -> Linear | None:
    """The ramp that `0.5->0.75` stands for, or None for any other text."""
    parts = text.split("->")
    try:
        return Linear(float(parts[0]), float(parts[1])) if len(parts) == 2 else None
    except ValueError:
        return None


def _ends(ramp: Any) -> tuple[float, float]:
    """Start and end of a ramp; raises TypeError for anything else."""
    line = _arrow(ramp) if isinstance(ramp, str) else None
    if line is None:
        raise TypeError("a ramp is written start->end")
    return line.start, line.end


def _checked_until(until: float) -> float:
    if not 0 < until <= 1:
        raise MaskwrightError(f"'until' is a share of the training in (0, 1]; got {until:g}.")
    return float(until)


def _share(progress: float, until: float) -> float:
    """How much of a ramp is done, in [0, 1]."""
    return min(max(progress, 0.0) / until, 1.0)


def _between(start: float, end: float, share: float) -> float:
    """Interpolate so that both ends come out exactly."""
    # start + (end - start) need not equal end in floating point
    return end if share >= 1 else start + (end - start) * share
