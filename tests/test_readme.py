"""What the README tells a newcomer to type exists, and its Python is valid."""

from __future__ import annotations

import ast
import re
import shlex
from pathlib import Path

import pytest

from maskwright.cli.commands import COMMANDS
from maskwright.cli.parser import build_parser
from maskwright.workflows.recipes import build_settings

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```(\w+)\n(.*?)```", README, flags=re.DOTALL)
LINES = [
    line.split("#")[0].strip()
    for kind, block in BLOCKS
    if kind == "bash"
    for line in block.splitlines()
]
COMMAND_LINES = [
    line.split("maskwright ", 1)[1]
    for line in LINES
    if "maskwright " in line and "uv pip" not in line
]


@pytest.mark.parametrize("line", COMMAND_LINES)
def test_every_command_line_of_the_readme_is_understood(line: str) -> None:
    words = shlex.split(line)
    parsed = build_parser(words).parse(words)
    assert parsed is not None
    if parsed.command == "pretrain":
        build_settings(
            **{
                name: value
                for name, value in parsed.options.items()
                if value not in (None, False) and name != "set"
            }
        )


def test_every_python_block_of_the_readme_parses() -> None:
    blocks = [block for kind, block in BLOCKS if kind == "python"]
    assert blocks
    for block in blocks:
        ast.parse(block)


def test_the_readme_names_only_commands_that_exist() -> None:
    assert set(re.findall(r"`maskwright (\w+)", README)) <= set(COMMANDS)


def test_pictures_of_the_readme_are_there() -> None:
    for path in re.findall(r"!\[[^]]*\]\(([^)]+)\)", README):
        assert (ROOT / path).exists()
