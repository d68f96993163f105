"""Scripts that let a shell complete commands, flags and file names at the tab key."""

from __future__ import annotations

import argparse

import shtab

from maskwright.cli.commands import COMMANDS
from maskwright.cli.parser import build_parser
from maskwright.support.errors import unknown_name

FLAG = "--print-completion"


def write_completion(shell: str) -> str:
    """The script for bash, zsh or tcsh; raises MaskwrightError for another shell."""
    if shell not in shtab.SUPPORTED_SHELLS:
        raise unknown_name("shell", shell, shtab.SUPPORTED_SHELLS)
    # Unlike a call, a completion has to know the flags of every command.
    parser = build_parser(COMMANDS)
    for subparser in _subparsers(parser):
        for action in subparser._actions:
            # What takes no value, such as a switch, is followed by no file.
            if action.nargs != 0:
                action.complete = shtab.FILE  # type: ignore[attr-defined]
    return shtab.complete(parser, shell=shell)


def _subparsers(parser: argparse.ArgumentParser) -> list[argparse.ArgumentParser]:
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            return list(action.choices.values())
    return []
