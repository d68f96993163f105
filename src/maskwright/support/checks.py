"""Checks of single values at the door, each with a sentence that names the value and whose it is.

Every check takes an `owner`, such as "Policy 'block'". Its sentence then begins with "Policy
'block' needs size to be"; without an owner it begins with the name of the value.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from maskwright.support.errors import MaskwrightError, did_you_mean
from maskwright.support.shorthand import Call


def check_one_of(
    name: str,
    value: Any,
    known: Sequence[Any],
    *,
    owner: str | None = None,
) -> None:
    """Raise MaskwrightError unless `value` is one of the known words or numbers."""
    if value in known:
        return
    words = [str(word) for word in known]
    near = did_you_mean(str(value), words)
    raise _refusal(owner, name, "is", f"one of {', '.join(words)}", repr(value), near)


def check_inside(
    name: str,
    value: float,
    low: float,
    high: float,
    *,
    owner: str | None = None,
) -> None:
    """Raise MaskwrightError unless low <= value <= high."""
    if not low <= value <= high:
        raise _refusal(owner, name, "lies", f"between {low:g} and {high:g}", f"{value:g}")


def check_at_least(
    name: str,
    value: float | None,
    least: float,
    *,
    owner: str | None = None,
) -> None:
    """Raise MaskwrightError when a number is given and below `least`, or when it is no number."""
    # Options of commands and recipes may hold words.
    if not isinstance(value, (int, float, type(None))):
        raise _refusal(owner, name, "is", f"a number of at least {least:g}", repr(value))
    if value is not None and value < least:
        raise _refusal(owner, name, "is", f"at least {least:g}", f"{value:g}")


def check_count(
    name: str,
    value: Any,
    least: int = 1,
    *,
    owner: str | None = None,
) -> int:
    """Return a whole number of at least `least`; raises MaskwrightError for anything else."""
    # bool is a subclass of int, and size=True is a mistake
    is_whole = isinstance(value, int) and not isinstance(value, bool)
    if not is_whole or value < least:
        raise _refusal(owner, name, "is", f"a whole number of at least {least}", repr(value))
    return int(value)


def check_number(
    name: str,
    value: Any,
    least: float = -math.inf,
    most: float = math.inf,
    *,
    owner: str | None = None,
) -> float:
    """Return a finite number in [least, most]; raises MaskwrightError for anything else."""
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    if not is_number or not math.isfinite(value) or not least <= value <= most:
        # no word about a limit that is not there
        span = ""
        if math.isfinite(most):
            span = f" between {least:g} and {most:g}"
        elif math.isfinite(least):
            span = f" of at least {least:g}"
        raise _refusal(owner, name, "is", f"a number{span}", repr(value))
    return float(value)


def check_flag(name: str, value: Any, *, owner: str | None = None) -> bool:
    """Return True or False; raises MaskwrightError for anything else."""
    # 'no' in quotes would count as true
    if not isinstance(value, bool):
        raise _refusal(owner, name, "is", "True or False", repr(value))
    return value


def check_range(
    name: str,
    value: Any,
    most: float = math.inf,
    *,
    owner: str | None = None,
) -> tuple[float, float]:
    """Return (low, high) with 0 < low <= high <= most, written [low, high]."""
    is_pair = isinstance(value, (list, tuple)) and len(value) == 2
    is_pair = is_pair and all(isinstance(end, (int, float)) for end in value)
    # an infinite end would pass the comparison where there is no limit
    if not is_pair or not 0 < value[0] <= value[1] <= most or not math.isfinite(value[1]):
        limit = f" <= {most:g}" if math.isfinite(most) else ""
        begin = f"{owner} needs {name}=[low, high]" if owner else f"{name} is [low, high]"
        raise MaskwrightError(f"{begin} with 0 < low <= high{limit}; got {value!r}.")
    return float(value[0]), float(value[1])


def read_word(name: str, value: object) -> str:
    """Return a name as text: a bare word, a call such as block(size=4), or a text in quotes.

    Raises MaskwrightError, naming the option, for anything else.
    """
    if not isinstance(value, (str, Call)):
        raise MaskwrightError(f"{name} is a name, such as random or 'block(size=4)'; got {value}.")
    return str(value)


def read_words(name: str, value: object) -> tuple[str, ...]:
    """Return several names as text; a single one may stand without a list."""
    if isinstance(value, Sequence) and not isinstance(value, str):
        return tuple(read_word(name, word) for word in value)
    return (read_word(name, value),)


def _refusal(
    owner: str | None,
    name: str,
    verb: str,
    expected: str,
    shown: str,
    hint: str = "",
) -> MaskwrightError:
    """Build the error: what is needed, what came, and what may have been meant."""
    begin = f"{name} {verb}"
    if owner is not None:
        begin = f"{owner} needs {name} to {'be' if verb == 'is' else 'lie'}"
    return MaskwrightError(f"{begin} {expected}; got {shown}.{hint}")
