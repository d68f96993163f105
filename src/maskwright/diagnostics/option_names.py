"""Options that name things: a bare word, a call such as block(size=4), a text in quotes, or a list
of them.
"""

from __future__ import annotations

from collections.abc import Sequence

from maskwright.support.errors import MaskwrightError
from maskwright.support.shorthand import Call


def read_word(name: str, value: object) -> str:
    """One name as text; raises MaskwrightError, naming the option, for anything else."""
    if not isinstance(value, (str, Call)):
        raise MaskwrightError(f"{name} is a name, such as random or 'block(size=4)'; got {value}.")
    return str(value)


def read_words(name: str, value: object) -> tuple[str, ...]:
    """Several names as text; one alone may stand without a list."""
    several = value if isinstance(value, Sequence) and not isinstance(value, str) else [value]
    return tuple(read_word(name, one) for one in several)
