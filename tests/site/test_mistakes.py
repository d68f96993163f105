"""The ten most likely mistakes are answered in a sentence, with exit code 2."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType

import pytest

PAGE = Path(__file__).parents[2] / "docs" / "site_pages" / "mistakes.py"


@pytest.fixture(scope="module")
def mistakes() -> Iterator[ModuleType]:
    """The module that writes the page, which is no part of the package."""
    spec = spec_from_file_location("page_of_mistakes", PAGE)
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    yield module
    del sys.modules[spec.name]


def test_each_is_answered_in_sentences_and_leaves_nothing(
    mistakes: ModuleType, tmp_path: Path
) -> None:
    assert len({mistake.title for mistake in mistakes.MISTAKES}) == 10
    mistakes.draw_pictures(tmp_path)
    before = set(tmp_path.rglob("*"))
    for mistake in mistakes.MISTAKES:
        answer = mistakes.make(mistake, tmp_path)  # asserts exit code 2, and that something is said
        assert "Traceback" not in answer
        assert answer.startswith("maskwright: "), answer
        assert answer.endswith((".", "?")), answer
        # Pictures that were decoded stay in the cache; no figure and no run is begun.
        left = {path for path in tmp_path.rglob("*") if "cache" not in path.parts}
        assert left == before, mistake.title


def test_the_page_shows_what_was_typed_and_answered(mistakes: ModuleType, tmp_path: Path) -> None:
    page = tmp_path / "pages" / "mistakes.md"
    mistakes.write_mistakes(page)
    text = page.read_text(encoding="utf-8")
    assert text.count("$ maskwright ") == text.count("\nmaskwright: ") == 10
    # Where it was built says nothing to a reader.
    assert "/tmp" not in text
