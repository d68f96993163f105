"""What a release says of itself is said once, and its examples are true."""

from __future__ import annotations

import doctest
import re
from importlib import import_module
from pathlib import Path

import pytest
import torch

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


def test_types_of_the_public_names_are_those_names() -> None:
    stub = (SRC / "__init__.pyi").read_text(encoding="utf-8")
    typed = dict(re.findall(r"^from (\S+) import (\w+) as \2$", stub, re.MULTILINE))
    named = {name: module for module, name in re.findall(r"^from (\S+) import (\w+)", stub, re.M)}
    assert named == maskwright._DOORS
    assert typed
    assert (SRC / "py.typed").exists()


def test_there_are_examples() -> None:
    assert len(EXAMPLES) >= 4


@pytest.mark.parametrize("name", EXAMPLES)
def test_examples_of_docstrings_are_true(name: str) -> None:
    names = {"torch": torch, "sample_rng": sample_rng}
    result = doctest.testmod(import_module(name), extraglobs=names)
    assert result.attempted > 0
    assert result.failed == 0
