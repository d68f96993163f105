"""The ten most likely mistakes are answered in a sentence, with exit code 2."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[2] / "docs"))

from site_pages.mistakes import MISTAKES, draw_pictures, make


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("mistakes")
    draw_pictures(folder)
    return folder


def test_there_are_ten() -> None:
    assert len({mistake.title for mistake in MISTAKES}) == 10


@pytest.mark.parametrize("mistake", MISTAKES, ids=lambda mistake: mistake.title)
def test_the_answer_is_a_sentence(mistake: object, place: Path) -> None:
    before = sorted(place.rglob("*"))
    answer = make(mistake, place)  # asserts exit code 2 and that something was said
    assert "Traceback" not in answer
    assert answer.startswith(("maskwright: ", "note: ", "usage: "))
    assert answer.rstrip().endswith((".", "?", "--help"))
    # Nothing is left behind, but for the cache of decoded pictures.
    left = {path for path in place.rglob("*") if "cache" not in path.parts}
    assert left <= set(before)
