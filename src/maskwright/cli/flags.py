"""What a command is made of: its words, its flags and the function that runs it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from maskwright.support.errors import MaskwrightError


@dataclass(frozen=True)
class Flag:
    """One argument of a command; `kind` is value, bool, switch, repeat (give it several times) or
    many (several words).
    """

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
    """One command: a sentence, a longer description, its flags (asked for only when needed) and
    what it does.
    """

    summary: str
    description: str
    flags: Callable[[], list[Flag]]
    run: Callable[[dict[str, Any]], None]


WHERE = [
    Flag("device", "auto, cpu, cuda or mps", default="auto"),
    Flag("seed", "the one number that all chance comes from", default=0),
]


READING = [
    Flag(
        "value_range",
        "values that mean black and white in files of other than 8 bits, as LOW,HIGH (default: the"
        " run's, or measured over a sample)",
    ),
    Flag(
        "pages",
        "first: one picture of each file; all: each page of a TIFF and each frame (default: first)",
    ),
]


def typed(options: dict[str, Any], **kinds: Any) -> dict[str, Any]:
    """Leave out what was not given and convert the rest."""
    typed = {}
    for name, value in options.items():
        if value is None:
            continue
        try:
            typed[name] = kinds[name](value) if name in kinds else value
        except ValueError as error:
            raise MaskwrightError(
                f"--{name.replace('_', '-')} = '{value}' is not a number."
            ) from error
    return typed


def yes(word: str) -> bool:
    if word.lower() not in ("true", "false", "yes", "no"):
        raise MaskwrightError(f"Expected true or false; got '{word}'.")
    return word.lower() in ("true", "yes")
