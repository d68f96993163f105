"""Words on the command line become options of one command; unknown words get the nearest known
one.
"""

from __future__ import annotations

import argparse
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, NoReturn

from maskwright import __version__
from maskwright.cli.commands import COMMANDS, find_arguments
from maskwright.support.errors import did_you_mean, nearest_name
from maskwright.workflows.settings.conversion import SWITCHES
from maskwright.workflows.settings.fields import Leaf


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
        # argparse names an unknown command in a sentence of its own.
        wrong = re.search(r"invalid choice: '([^\s']+)", message)
        near = did_you_mean(wrong[1], COMMANDS) if wrong else ""
        raise UsageError(f"{message}.{near} See: {self.prog} --help")

    def parse(self, words: Sequence[str]) -> Parsed | None:
        """Parse; without words print the help and return None."""
        if not words:
            self.print_help()
            return None
        try:
            parsed, unknown = self.parse_known_args(_normalize(words))
        except SystemExit:
            # argparse has printed a help or the version.
            return None
        given = {name: value for name, value in vars(parsed).items() if value is not None}
        command = given.pop("command")
        given.pop("print_completion", None)
        # A word that is left over is a typing error, so it is never ignored.
        if unknown:
            raise UsageError(_describe_unknown(command, unknown[0]))
        return Parsed(command, given)


def _describe_unknown(command: str, word: str) -> str:
    """A sentence on a word that the command does not take."""
    flags = find_arguments(command).leaves
    help_words = f"See: maskwright {command} --help"
    taken = " ".join(_show_word(leaf) for leaf in flags if leaf.positional)
    if not word.startswith("-"):
        return (
            f"'{word}' is one word too many: {command} takes"
            f" {taken or 'no words beside its flags'}. {help_words}"
        )
    # --epoch=3 is looked up by its name alone.
    word = word.split("=")[0]
    # Dashes stand before every flag, and with them any two look alike.
    known = {name.lstrip("-"): name for leaf in flags if not leaf.positional for name in leaf.words}
    near = nearest_name(word.lstrip("-"), known)
    if near is not None:
        return f"Unknown argument '{word}'. Did you mean '{known[near]}'? {help_words}"
    # What was meant may be a word that needs no flag, such as the pictures.
    words = f" {taken} needs no flag." if taken else ""
    return f"Unknown argument '{word}'.{words} {help_words}"


def build_parser(words: Iterable[str] = ()) -> WordParser:
    """Build the whole command line.

    words: what was typed; only the commands in it get their flags, so that help stays quick.
    """
    typed = set(words)
    parser = WordParser(
        prog="maskwright",
        description=DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=f"maskwright {__version__}")
    # Shown here for the help alone: main answers it before anything is parsed.
    parser.add_argument(
        "--print-completion", metavar="SHELL", help="print a tab completion for bash, zsh or tcsh"
    )
    subparsers = parser.add_subparsers(
        dest="command", metavar="COMMAND", required=True, parser_class=WordParser
    )
    for name, command in COMMANDS.items():
        # Flags of the other commands would cost time and show nothing.
        is_typed = name in typed
        subparser = subparsers.add_parser(
            name,
            help=command.summary,
            description=command.description,
            usage=_usage(name) if is_typed else None,
            allow_abbrev=False,
        )
        if is_typed:
            add_flags(subparser, find_arguments(name).leaves)
    return parser


def add_flags(parser: argparse.ArgumentParser, flags: Sequence[Leaf]) -> None:
    """Give a parser a flag for each setting, under the headings of their groups."""
    # Flags without a group stand under argparse's own heading.
    groups: dict[str, Any] = {"": parser}
    for leaf in flags:
        # Settings of a recipe stand under the heading of their section.
        title = leaf.group or (f"{leaf.section} settings" if leaf.section else "")
        if leaf.positional:
            title = ""
        if title not in groups:
            groups[title] = parser.add_argument_group(title)
        groups[title].add_argument(*leaf.words, **_details(leaf))
        if leaf.is_switch and leaf.default is False:
            # --no-resume says what is so anyway: it is understood, but not worth a line of help.
            hidden = [word.replace("--", "--no-", 1) for word in leaf.words]
            parser.add_argument(
                *hidden,
                dest=leaf.name,
                action="store_const",
                const=False,
                help=argparse.SUPPRESS,
            )


def _details(leaf: Leaf) -> dict[str, Any]:
    """What argparse needs to know of a setting beside its names."""
    details: dict[str, Any] = {"help": _help(leaf), "default": None}
    if leaf.positional:
        details["metavar"] = leaf.metavar
        if leaf.many:
            return {**details, "nargs": "+" if leaf.required else "*"}
        return details if leaf.required else {**details, "nargs": "?"}
    details["dest"] = leaf.name
    if leaf.is_switch and leaf.default is False:
        # None means not given, so that a recipe may still decide.
        return {**details, "action": "store_const", "const": True}
    if leaf.is_switch:
        return {**details, "action": argparse.BooleanOptionalAction}
    details["metavar"] = leaf.metavar or leaf.name.upper()
    return {**details, "action": "append"} if leaf.many else details


def _help(leaf: Leaf) -> str:
    """The help of a setting with its default, where it has one that says something."""
    # argparse formats helps with %.
    text = leaf.help.replace("%", "%%")
    if leaf.required or leaf.default is None or leaf.default is False or leaf.default in ("", []):
        return text
    # What a recipe may give has no default to show.
    if leaf.positional and leaf.section:
        return text
    default = ",".join(leaf.default) if isinstance(leaf.default, list) else leaf.default
    return f"{text} (default: {'true' if default is True else default})"


def _usage(command: str) -> str:
    words = [_show_word(leaf) for leaf in find_arguments(command).leaves if leaf.positional]
    return " ".join(["maskwright", command, *words, "[--flag VALUE ...]"])


def _show_word(leaf: Leaf) -> str:
    word = f"{leaf.metavar} ..." if leaf.many else str(leaf.metavar)
    return word if leaf.required else f"[{word}]"


def _normalize(words: Sequence[str]) -> list[str]:
    """Other ways to write a flag in the one that argparse knows."""
    return _join_ranges(_name_switches([_dash(word) for word in words]))


def _dash(word: str) -> str:
    """Write --image_size as --image-size, so that Python names work as flags."""
    flag, equals, value = word.partition("=")
    return flag.replace("_", "-") + equals + value if flag.startswith("--") else word


def _name_switches(words: Sequence[str]) -> list[str]:
    """Write `--baselines false` and `--baselines=no` as `--no-baselines`."""
    if not words or words[0] not in COMMANDS:
        return list(words)
    flags = find_arguments(words[0]).leaves
    switches = {word for leaf in flags if leaf.is_switch for word in leaf.words}
    named: list[str] = []
    for word in words:
        flag, _, value = word.partition("=")
        if word.lower() in SWITCHES and named and named[-1] in switches:
            # The value stands in a word of its own, behind its flag.
            flag, value = named.pop(), word
        if flag in switches and value.lower() in SWITCHES:
            named.append(flag if SWITCHES[value.lower()] else flag.replace("--", "--no-", 1))
        else:
            named.append(word)
    return named


def _join_ranges(words: Sequence[str]) -> list[str]:
    """Write `--value-range -1000,400` as one word: argparse takes a negative pair for a flag."""
    joined: list[str] = []
    for word in words:
        if re.match(r"-\.?\d+[^-]*,", word) and joined and re.fullmatch(r"--[a-z-]+", joined[-1]):
            joined[-1] += f"={word}"
        else:
            joined.append(word)
    return joined


DESCRIPTION = """\
maskwright: masked autoencoders in which the mask is the first-class choice.

  maskwright pretrain PHOTOS                 learn from a folder of pictures, labels not needed
  maskwright reconstruct RUN IMAGE...        see what it fills in
  maskwright evaluate RUN --data LABELED     measure what it learned
  maskwright masks PHOTOS --policy block     look at masks before training
"""
