"""From a number or a line of text to a schedule."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from maskwright.schedules.shapes import (
    LEVELS,
    Constant,
    Cosine,
    Linear,
    Schedule,
    Steps,
    Uniform,
)
from maskwright.support.checks import check_count, check_one_of
from maskwright.support.errors import MaskwrightError, unknown_name
from maskwright.support.shorthand import Call, parse_value, plain


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


def _build_uniform(
    low: float, high: float, per: Any = "step", levels: int | None = None
) -> Schedule:
    per = plain(per)
    check_one_of("per", per, ("step", "picture"), owner="uniform()")
    if low > high:
        raise MaskwrightError(f"uniform(low, high) needs low <= high; got {low:g} and {high:g}.")
    if levels is None and per == "picture":
        levels = LEVELS
    if levels is not None:
        check_count("levels", levels, least=2, owner="uniform()")
    return Uniform(float(low), float(high), per, levels)


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
    "uniform": "uniform(0.6, 0.9) or uniform(0.6, 0.9, per='picture')",
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
