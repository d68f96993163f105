"""The policy that CONTRIBUTING.md shows runs as it stands there."""

from __future__ import annotations

import re
import sys
import textwrap
from collections.abc import Iterator
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType

import pytest
import torch

from maskwright.masking.catalog import POLICIES, build_policy
from maskwright.masking.contract import policy_checks
from maskwright.masking.policy import mask_scene
from maskwright.patches.grid import Grid
from maskwright.support.catalog import Entry
from tests.masking.conftest import build_scene

TEXT = (Path(__file__).parents[2] / "CONTRIBUTING.md").read_text(encoding="utf-8")
NAME = "maskwright.masking.stripes"


@pytest.fixture
def stripes(tmp_path: Path) -> Iterator[ModuleType]:
    """The module of the first code block, in its place in the package."""
    block = re.search(r"^ *```python\n(.*?)^ *```", TEXT, re.MULTILINE | re.DOTALL)
    assert block, "CONTRIBUTING.md shows no policy in a python block."
    path = tmp_path / "stripes.py"
    path.write_text(textwrap.dedent(block[1]), encoding="utf-8")
    spec = spec_from_file_location(NAME, path)
    assert spec
    assert spec.loader
    module = module_from_spec(spec)
    sys.modules[NAME] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    yield module
    del sys.modules[NAME]


def test_the_example_keeps_the_contract(stripes: ModuleType) -> None:
    for check in policy_checks(stripes.StripesPolicy()):
        check()


def test_the_example_masks_whole_rows_but_for_one(stripes: ModuleType) -> None:
    grid = Grid(14, 14)
    is_masked = mask_scene(stripes.StripesPolicy(), build_scene(grid, 147, 512)).is_masked
    per_row = is_masked.view(-1, 14, 14).sum(2)
    assert ((per_row > 0) & (per_row < 14)).sum(1).max() <= 1


def test_the_rows_of_the_example_never_tie(stripes: ModuleType) -> None:
    score = stripes.StripesPolicy().score(build_scene(Grid(14, 2), 8, 64))
    orders = score.view(64, 14, 2)[:, :, 0].sort(1).values
    assert torch.equal(orders, torch.arange(14.0).expand(64, -1))


def test_the_catalog_line_of_the_example_makes_it_a_policy_by_name(
    stripes: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    line = re.search(r'`"(\w+)": (Entry\(.*?\)),`', TEXT)
    assert line, "CONTRIBUTING.md shows no catalog line."
    monkeypatch.setitem(POLICIES, line[1], eval(line[2], {"Entry": Entry}))
    assert isinstance(build_policy(line[1]), stripes.StripesPolicy)
