"""Errors for people: what is wrong, what came, what to do."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class MaskwrightError(ValueError):
    """A mistake that the user can mend.

    The command line prints it as one sentence and exits with code 2. So does a notebook, where
    Python would otherwise show the files of this package, in which nothing has to be mended.
    """

    def _render_traceback_(self) -> list[str]:
        """The lines that IPython shows in the place of a traceback."""
        return [f"{type(self).__name__}: {self}"]


class NotAvailable(MaskwrightError):
    """Something that has to be fetched or installed first; the request itself is right."""


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """Return `" Did you mean 'block'?"` for the nearest known name, or "" when none is near.

    >>> did_you_mean("blok", ["random", "block"])
    " Did you mean 'block'?"
    """
    near = nearest_name(name, known)
    return f" Did you mean '{near}'?" if near else ""


def nearest_name(name: str, known: Iterable[str]) -> str | None:
    """The known name that is most like this one; None when none is near."""
    # below half of the letters in common, a guess confuses more than it helps
    near = difflib.get_close_matches(name, list(known), n=1, cutoff=0.5)
    return near[0] if near else None


def unknown_name(
    kind: str,
    name: str,
    known: Iterable[str],
    more: str = "",
) -> MaskwrightError:
    """Build the error for a name that is not in a catalog, with the nearest one and the list.

    kind: what the catalog holds, such as "policy".
    more: a last sentence, with a space before it.
    """
    known = list(known)
    return MaskwrightError(
        f"Unknown {kind} '{name}'.{did_you_mean(name, known)} Known: {', '.join(known)}.{more}"
    )


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error says that memory ran out: in Python, on a GPU, or in PyTorch on a CPU."""
    if isinstance(error, MemoryError):
        return True
    # by name, because this module is free of torch
    if type(error).__name__ == "OutOfMemoryError":
        return True
    # PyTorch on a CPU has no class of its own for it
    return "can't allocate memory" in str(error)
