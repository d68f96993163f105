"""Options that name things: a bare word, a call such as block(size=4), quoted text, or a list."""

from __future__ import annotations

from collections.abc import Sequence

from maskwright.support.errors import MaskwrightError
from maskwright.support.shorthand import Call


def read_name(option: str, value: object) -> str:
    """One name as text; raises MaskwrightError, naming the option, for anything else."""
    if not isinstance(value, (str, Call)):
        raise MaskwrightError(
            f"{option} is a name, such as random or 'block(size=4)'; got {value}."
        )
    return str(value)


def read_names(option: str, value: object) -> tuple[str, ...]:
    """Several names as text; one alone may stand without a list."""
    # Text is a sequence too, of letters.
    if isinstance(value, Sequence) and not isinstance(value, str):
        return tuple(read_name(option, name) for name in value)
    return (read_name(option, value),)


def read_order(option: str, value: object) -> str:
    """The name of an order, in which `salient_first` stands for `salient-first`."""
    # The shorthand of options has no hyphens inside bare words.
    return read_name(option, value).replace("salient_", "salient-")
