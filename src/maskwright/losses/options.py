"""Checks shared by the settings of loss terms: each raises MaskwrightError with the term's name."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from maskwright.support.errors import MaskwrightError, did_you_mean


def check_choice(owner: str, name: str, value: Any, choices: Sequence[Any]) -> None:
    """Raise MaskwrightError unless `value` is one of the choices."""
    if value not in choices:
        near = did_you_mean(str(value), [str(choice) for choice in choices])
        raise MaskwrightError(
            f"Loss '{owner}' needs {name} to be one of {', '.join(map(str, choices))}; got"
            f" {value!r}.{near}"
        )


def check_number(owner: str, name: str, value: Any, least: float, most: float = math.inf) -> None:
    """Raise MaskwrightError unless `value` is a finite number in [least, most]."""
    if (
        isinstance(value, bool)
        or not isinstance(value, (int, float))
        or not math.isfinite(value)
        or not least <= value <= most
    ):
        span = f"of at least {least:g}" if math.isinf(most) else f"between {least:g} and {most:g}"
        raise MaskwrightError(f"Loss '{owner}' needs {name} to be a number {span}; got {value!r}.")
