"""What a command is made of: its words, its flags and the function that runs it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Flag:
    """One argument of a command; `kind` is value, bool, switch, repeat (give it several times) or many (several words)."""

    name: str
    help: str
    kind: str = "value"
    default: Any = None
    group: str = ""
    metavar: str | None = None
    positional: bool = False
    optional: bool = False
    aliases: tuple[str, ...] = ()

    def names(self) -> list[str]:
        """The spellings on the command line, e.g. --image-size."""
        if self.positional:
            return [self.name]
        return [f"--{name.replace('_', '-')}" for name in (self.name, *self.aliases)]


@dataclass(frozen=True)
class Command:
    """One command: a sentence, a longer description, its flags (asked for only when needed) and what it does."""

    summary: str
    description: str
    flags: Callable[[], list[Flag]]
    run: Callable[[dict[str, Any]], None]
