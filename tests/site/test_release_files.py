"""What a release says of itself is said once, and its examples are true."""

from __future__ import annotations

import ast
import doctest
import inspect
import re
from importlib import import_module
from pathlib import Path

import pytest
import torch
from tests.typed.write_stub import STUB, write_stub

import maskwright
from maskwright.support.seeding import sample_rng

ROOT = Path(__file__).parents[2]
SRC = ROOT / "src" / "maskwright"
EXAMPLES = sorted(
    ".".join(path.relative_to(SRC.parent).with_suffix("").parts)
    for path in SRC.rglob("*.py")
    if ">>> " in path.read_text(encoding="utf-8")
)


def test_the_version_is_the_packages() -> None:
    cited = re.search(r"^version: (.+)$", (ROOT / "CITATION.cff").read_text(), re.MULTILINE)
    assert cited
    assert cited[1] == maskwright.__version__
    assert 'dynamic = ["version"]' in (ROOT / "pyproject.toml").read_text(encoding="utf-8")


def test_types_of_the_public_names_are_those_of_the_code() -> None:
    # Written anew it is the same, so no argument, default or type of a command can be missing.
    assert write_stub() == STUB.read_text(encoding="utf-8"), "python -m tests.typed.write_stub"
    assert (SRC / "py.typed").exists()


def test_the_stub_has_every_public_name_and_every_argument() -> None:
    tree = ast.parse(STUB.read_text(encoding="utf-8"))
    functions = {node.name: node for node in tree.body if isinstance(node, ast.FunctionDef)}
    imported = {
        item.asname
        for node in tree.body
        if isinstance(node, ast.ImportFrom)
        for item in node.names
        if item.asname
    }
    assert imported | set(functions) == set(maskwright._DOORS)
    for name, function in functions.items():
        given = [item.arg for item in (*function.args.args, *function.args.kwonlyargs)]
        assert given == list(inspect.signature(getattr(maskwright, name)).parameters)


def test_there_are_examples() -> None:
    assert len(EXAMPLES) >= 4


@pytest.mark.parametrize("name", EXAMPLES)
def test_examples_of_docstrings_are_true(name: str) -> None:
    names = {"torch": torch, "sample_rng": sample_rng}
    result = doctest.testmod(import_module(name), extraglobs=names)
    assert result.attempted > 0
    assert result.failed == 0
