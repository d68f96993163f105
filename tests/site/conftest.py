"""The modules that write the site lie beside the documentation, not in the package."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path
from types import ModuleType

import pytest

DOCS = Path(__file__).parents[2] / "docs"
Opener = Callable[[str], ModuleType]


@pytest.fixture(scope="module")
def site_module() -> Iterator[Opener]:
    """Imports a module of docs/site_pages by its name."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(DOCS))
        yield lambda name: import_module(f"site_pages.{name}")
    # Other tests see neither the path nor the modules.
    for name in [name for name in sys.modules if name.partition(".")[0] == "site_pages"]:
        del sys.modules[name]
