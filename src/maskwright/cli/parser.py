"""Words on the command line become options of one command; unknown words get the
nearest known one.
"""

from __future__ import annotations

import argparse
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NoReturn

from maskwright import __version__
from maskwright.cli.commands import COMMANDS
from maskwright.cli.flags import Command, Flag
from maskwright.support.errors import did_you_mean


class UsageError(Exception):
    """The words do not fit the command; the message says which and what is near."""


@dataclass(frozen=True)
class Parsed:
    """A command and the options that were really given."""

    command: str
    options: dict[str, Any]


class WordParser(argparse.ArgumentParser):
    """argparse that raises instead of exiting and suggests the nearest known word."""

    def error(self, message: str) -> NoReturn:
        wrong = re.search(r"invalid choice: '([^\s']+)", message)
        raise UsageError(
            f"{message}.{did_you_mean(wrong[1], COMMANDS) if wrong else ''} See: {self.prog} --help"
        )

    def parse(self, words: Sequence[str]) -> Parsed | None:
        """Parse; without words print the help and return None."""
        if not words:
            self.print_help()
            return None
        try:
            parsed, unknown = self.parse_known_args(_joined([_dashed(word) for word in words]))
        except SystemExit:
            return None
        given = vars(parsed)
        command = given.pop("command")
        if unknown:
            word, flags = unknown[0].split("=")[0], COMMANDS[command].flags()
            if not word.startswith("-"):
                wanted = (
                    " ".join(_shown_word(flag) for flag in flags if flag.positional)
                    or "no words beside its flags"
                )
                raise UsageError(
                    f"'{unknown[0]}' is one word too many: {command} takes {wanted}. See:"
                    f" maskwright {command} --help"
                )
            known = [name for flag in flags if not flag.positional for name in flag.names()]
            raise UsageError(
                f"Unknown argument '{word}'.{did_you_mean(word, known)} See: maskwright {command}"
                " --help"
            )
        return Parsed(command, given)


def build_parser(words: Sequence[str] = ()) -> WordParser:
    """Build the whole command line; only the command in question gets its flags, so that help stays
    quick.
    """
    parser = WordParser(
        prog="maskwright",
        description=DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=f"maskwright {__version__}")
    places = parser.add_subparsers(
        dest="command", metavar="COMMAND", required=True, parser_class=WordParser
    )
    for name, command in COMMANDS.items():
        place = places.add_parser(
            name,
            help=command.summary,
            description=command.description,
            usage=_usage(name, command) if name in words[:1] else None,
            allow_abbrev=False,
        )
        if name in words[:1]:
            _add_flags(place, command)
    return parser


def _usage(name: str, command: Command) -> str:
    words = [_shown_word(flag) for flag in command.flags() if flag.positional]
    return " ".join(["maskwright", name, *words, "[--flag VALUE ...]"])


def _shown_word(flag: Flag) -> str:
    word = f"{flag.metavar} ..." if flag.kind == "many" else str(flag.metavar)
    return f"[{word}]" if flag.optional else word


def _dashed(word: str) -> str:
    """Spell --image_size as --image-size, so that Python names work as flags."""
    flag, equals, value = word.partition("=")
    return flag.replace("_", "-") + equals + value if flag.startswith("--") else word


def _joined(words: Sequence[str]) -> list[str]:
    """Write `--value-range -1000,400` as one word: argparse takes a negative pair for a flag."""
    joined: list[str] = []
    for word in words:
        if re.match(r"-\.?\d+[^-]*,", word) and joined and re.fullmatch(r"--[a-z-]+", joined[-1]):
            joined[-1] += f"={word}"
        else:
            joined.append(word)
    return joined


def _add_flags(place: argparse.ArgumentParser, command: Command) -> None:
    groups: dict[str, Any] = {}
    for flag in command.flags():
        group = groups.setdefault(
            flag.group, place.add_argument_group(flag.group) if flag.group else place
        )
        group.add_argument(*flag.names(), **_details(flag))


def _details(flag: Flag) -> dict[str, Any]:
    shown = (
        flag.help
        if flag.default is None or flag.default is False or flag.default == ""
        else f"{flag.help} (default: {flag.default})"
    )
    if flag.kind == "switch":
        return {"action": "store_true", "help": flag.help}
    if flag.kind == "bool":
        return {
            "action": argparse.BooleanOptionalAction,
            "help": shown,
            "default": None,
            "dest": flag.name,
        }
    details: dict[str, Any] = {"help": shown, "metavar": flag.metavar, "default": None}
    if flag.kind == "many":
        details |= {"nargs": "*" if flag.optional else "+"}
    elif flag.kind == "repeat":
        details |= {"action": "append", "dest": flag.name}
    elif flag.positional:
        details |= {"nargs": "?"} if flag.optional else {}
    else:
        details |= {"dest": flag.name}
    return details


DESCRIPTION = """\
maskwright: masked autoencoders in which the mask is the first-class choice.

  maskwright pretrain PHOTOS                 learn from a folder of pictures, labels not needed
  maskwright reconstruct RUN IMAGE...        see what it fills in
  maskwright evaluate RUN --data LABELED     measure what it learned
  maskwright masks PHOTOS --policy block     look at masks before training
"""
