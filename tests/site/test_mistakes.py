"""The ten most likely mistakes are answered in a sentence, with exit code 2."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType

import pytest
from tests.site.conftest import Opener


@pytest.fixture
def mistakes(site_module: Opener) -> ModuleType:
    """The module that writes the page, which is no part of the package."""
    return site_module("mistakes")


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
        assert answer.endswith((".", "?", " --help")), answer
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
