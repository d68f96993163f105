"""`pip install maskwright` is enough: what is imported at once is among its dependencies."""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path

ROOT = Path(__file__).parents[1]
# The studio is an extra as a whole; its command says so before it is imported.
OF_AN_EXTRA = {"studio": {"starlette", "uvicorn"}}


def test_packages_imported_at_once_are_dependencies() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    declared = {re.split(r"[<>=\[]", line)[0].lower() for line in project["dependencies"]}
    sources = packages_distributions()
    foreign = {}
    for file in (ROOT / "src" / "maskwright").rglob("*.py"):
        room = file.relative_to(ROOT / "src" / "maskwright").parts[0]
        for name in imported_at_once(file.read_text()) - OF_AN_EXTRA.get(room, set()):
            if not declared & {package.lower() for package in sources.get(name, [name])}:
                foreign[str(file)] = name
    assert not foreign


def test_an_import_at_the_top_is_found_and_one_inside_a_function_is_not() -> None:
    text = (
        "import a.b\nfrom c.d import e\nimport os\ndef f():\n    import g\nfrom maskwright import x"
    )
    assert imported_at_once(text) == {"a", "c"}


def imported_at_once(text: str) -> set[str]:
    """Packages that a file imports outside of functions, without Python's own and ours."""
    names = set()
    for node in ast.parse(text).body:
        if isinstance(node, ast.Import):
            names |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names.add(node.module.partition(".")[0])
    return names - set(sys.stdlib_module_names) - {"maskwright", "__future__"}
