"""What recipes and plans say in their comments can be typed: every command that they name is one
that the command line reads.
"""

from __future__ import annotations

import re
import shlex
from importlib.resources import files

import pytest

from maskwright.cli.parser import build_parser

FOLDER = files("maskwright") / "recipes"
COMMENTS = {
    path.name.removesuffix(".yaml"): path.read_text(encoding="utf-8")
    for folder in (FOLDER, FOLDER / "studies")
    for path in folder.iterdir()
    if path.name.endswith(".yaml")
}


def read_comment(text: str) -> list[str]:
    """The lines of the comment that a file opens with."""
    lines = text.splitlines()
    end = next(number for number, line in enumerate(lines) if not line.startswith("#"))
    return [line.removeprefix("#").strip() for line in lines[:end]]


def find_commands(comment: list[str]) -> list[str]:
    """The second line, and what stands in backticks; such a command may go on in the next line."""
    prose = " ".join(comment[2:])
    return [comment[1], *re.findall(r"`(maskwright [^`]*)`", prose)]


@pytest.mark.parametrize("name", COMMENTS)
def test_commands_in_comments_of_recipes_and_plans_are_read(name: str) -> None:
    for command in find_commands(read_comment(COMMENTS[name])):
        program, *words = shlex.split(command)
        assert program == "maskwright"
        build_parser(words).parse_args(words)


@pytest.mark.parametrize("name", COMMENTS)
def test_no_command_hides_in_a_comment_without_backticks(name: str) -> None:
    prose = " ".join(read_comment(COMMENTS[name])[2:])
    left = re.sub(r"`[^`]*`", "", prose)
    assert not re.search(r"maskwright [a-z]+ ", left)


@pytest.mark.parametrize("name", COMMENTS)
def test_recipes_and_plans_are_at_most_a_hundred_columns_wide(name: str) -> None:
    assert max(len(line) for line in COMMENTS[name].splitlines()) <= 100
