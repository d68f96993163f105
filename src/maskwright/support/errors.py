"""Errors for people: what is wrong, what came, what to do."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class MaskwrightError(ValueError):
    """A mistake that the user can mend; the command line prints it as one sentence and exits with
    code 2.
    """


class NotAtHand(MaskwrightError):
    """Something that has to be fetched or installed first: nothing is wrong with what was asked
    for.
    """


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """Return `" Did you mean 'block'?"` for the nearest known name, or nothing when
    none is near.
    """
    near = difflib.get_close_matches(name, list(known), n=1, cutoff=0.5)
    return f" Did you mean '{near[0]}'?" if near else ""


def unknown_name(kind: str, name: str, known: Iterable[str], more: str = "") -> MaskwrightError:
    """Build the error for a name that is not in a catalog, with the nearest known one and the whole
    list.
    """
    known = list(known)
    return MaskwrightError(
        f"Unknown {kind} '{name}'.{did_you_mean(name, known)} Known: {', '.join(known)}.{more}"
    )


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error says that memory ran out, in Python, on a GPU, or in PyTorch on a CPU, which
    has no class of its own for it.
    """
    return (
        isinstance(error, MemoryError)
        or type(error).__name__ == "OutOfMemoryError"
        or "can't allocate memory" in str(error)
    )
