"""A check with a name, as pytest shows it: what the contracts of policies and targets yield."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class NamedCheck:
    """One promise; calling it raises AssertionError if it is broken.

    name: the promise and where it was asked, as in `counts-7x9-48`.
    run: the check itself.
    """

    name: str
    run: Callable[[], None]

    def __call__(self) -> None:
        self.run()

    def __str__(self) -> str:
        return self.name
