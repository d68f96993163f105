"""Environment variables are read in one file, and the user's word comes before ours."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

import maskwright
from maskwright.support.errors import MaskwrightError
from maskwright.support.variables import SPINS, cache_folder, is_in_cache, wait_briefly


@pytest.mark.parametrize(
    ("given", "expected"),
    [({}, SPINS), ({"GOMP_SPINCOUNT": "7"}, "7"), ({"OMP_WAIT_POLICY": "active"}, None)],
)
def test_the_spin_count_is_set_unless_the_user_chose(
    monkeypatch: pytest.MonkeyPatch, given: dict[str, str], expected: str | None
) -> None:
    environment = dict(given)
    monkeypatch.setattr("maskwright.support.variables.os.environ", environment)
    wait_briefly()
    assert environment.get("GOMP_SPINCOUNT") == expected


def test_no_other_file_knows_environment_variables() -> None:
    readers = []
    for path in Path(maskwright.__file__).parent.rglob("*.py"):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        words = {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
        words |= {
            name.name
            for node in ast.walk(tree)
            if isinstance(node, ast.ImportFrom) and node.module == "os"
            for name in node.names
        }
        if words & {"environ", "environb", "getenv", "putenv"}:
            readers.append(path.name)
    assert readers == ["variables.py"]


def test_without_a_home_the_variable_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    def homeless() -> Path:
        raise RuntimeError("Could not determine home directory.")

    for name in ("MASKWRIGHT_CACHE", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(Path, "home", homeless)
    with pytest.raises(MaskwrightError, match="set MASKWRIGHT_CACHE to a folder"):
        cache_folder()
    assert not is_in_cache("anywhere")
