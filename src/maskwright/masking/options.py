"""Checks shared by the settings of policies: each returns the clean value or raises
MaskwrightError.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from maskwright.schedules import Schedule, Uniform, parse_schedule
from maskwright.support.errors import MaskwrightError, did_you_mean


def read_count(owner: str, name: str, value: Any, least: int = 1) -> int:
    """Return a whole number of at least `least`."""
    if isinstance(value, bool) or not isinstance(value, int) or value < least:
        raise MaskwrightError(
            f"Policy '{owner}' needs {name} to be a whole number of at least {least}; got"
            f" {value!r}."
        )
    return value


def read_flag(owner: str, name: str, value: Any) -> bool:
    """Return True or False; anything else is refused, because 'no' in quotes would
    count as true.
    """
    if not isinstance(value, bool):
        raise MaskwrightError(f"Policy '{owner}' needs {name} to be True or False; got {value!r}.")
    return value


def read_choice(owner: str, name: str, value: Any, choices: Sequence[str]) -> str:
    """Return one of the words in `choices`."""
    if value not in choices:
        raise MaskwrightError(
            f"Policy '{owner}' needs {name} to be one of {', '.join(choices)}; got"
            f" {value!r}.{did_you_mean(str(value), choices)}"
        )
    return value


def read_number(owner: str, name: str, value: Any, least: float) -> float:
    """Return a finite number of at least `least`."""
    if (
        isinstance(value, bool)
        or not isinstance(value, (int, float))
        or not math.isfinite(value)
        or value < least
    ):
        raise MaskwrightError(
            f"Policy '{owner}' needs {name} to be a number of at least {least:g}; got {value!r}."
        )
    return float(value)


def read_range(owner: str, name: str, value: Any, most: float = math.inf) -> tuple[float, float]:
    """Return (low, high) with 0 < low <= high <= most, written [low, high]."""
    is_pair = (
        isinstance(value, (list, tuple))
        and len(value) == 2
        and all(isinstance(end, (int, float)) for end in value)
    )
    if not is_pair or not 0 < value[0] <= value[1] <= most or not math.isfinite(value[1]):
        limit = f" <= {most:g}" if math.isfinite(most) else ""
        raise MaskwrightError(
            f"Policy '{owner}' needs {name}=[low, high] with 0 < low <= high{limit}; got {value!r}."
        )
    return float(value[0]), float(value[1])


def read_share(owner: str, name: str, value: Any) -> Schedule:
    """Return a schedule of shares in [0, 1]; a number is a constant one. What draws its values is
    refused: a policy has no such draw.
    """
    share = parse_schedule(value)
    if isinstance(share, Uniform) or not all(0 <= share.at(step / 100) <= 1 for step in range(101)):
        raise MaskwrightError(
            f"Policy '{owner}' needs {name} to be a share from 0 to 1, or a schedule of them such"
            f" as 0->1; got {share}."
        )
    return share
