"""The gallery is made of the catalogs: what is planted there appears, with nothing else to do."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from maskwright.support.catalog import Entry

DOCS = Path(__file__).parents[2] / "docs"


@dataclass(frozen=True)
class PlantedPolicy:
    """Mask what a gardener would. It has a second sentence. It has a third one. Nobody sees this.

    Formula: score[i] = height of the plant at i
    Source: Linnaeus 1753.

    water: how much, in
        liters.
    """

    water: float = 1.0


@pytest.fixture(scope="module")
def pages() -> Iterator[Any]:
    """The module that writes the gallery."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(DOCS))
        from site_pages import catalogs, docstrings, gallery, mistakes

        yield {
            "catalogs": catalogs,
            "docstrings": docstrings,
            "gallery": gallery,
            "mistakes": mistakes,
        }
    for name in [name for name in sys.modules if name.partition(".")[0] == "site_pages"]:
        del sys.modules[name]


def test_a_planted_entry_appears_with_its_parts(pages: Any, tmp_path: Path) -> None:
    planted = Entry(f"{__name__}:PlantedPolicy", "a planted policy", examples=("planted(water=2)",))
    sys.modules.setdefault(__name__, sys.modules[PlantedPolicy.__module__])
    section = pages["catalogs"].SECTIONS[0]
    section = replace(section, catalog={**section.catalog, "planted": planted})
    picture = tmp_path / "planted.png"
    page = pages["gallery"].format_section(section, {"planted": picture})
    entry = page.split("## `planted`")[1]
    assert "*a planted policy*" in entry
    assert "It has a third one." in entry
    assert "Nobody sees this." not in entry
    assert "![" in entry
    assert "planted.png" in entry
    assert "score[i] = height of the plant at i" in entry
    assert "Source: Linnaeus 1753." in entry
    assert 'maskwright pretrain PHOTOS --policy "planted(water=2)"' in entry
    assert "- `water`: how much, in liters." in entry


def test_every_entry_states_its_formula_and_source(pages: Any) -> None:
    for section in pages["catalogs"].SECTIONS:
        for name, entry in section.catalog.items():
            read = pages["docstrings"].read_docstring(entry.load())
            assert read.formula, f"{section.name} {name} has no line `Formula:` in its docstring."
            assert read.source, f"{section.name} {name} has no line `Source:` in its docstring."
            assert read.text, name


def test_docstrings_become_lists_and_examples_stay(pages: Any) -> None:
    lines = [
        "Count **all.",
        "",
        ">>> f(2)",
        "4",
        "",
        "Arguments:",
        "    n: of `x`s.",
        "        More.",
    ]
    assert pages["docstrings"].to_rst(lines) == [
        r"Count \*\*all.",
        "",
        ">>> f(2)",
        "4",
        "",
        r":param n: of ``x``\ s.",
        "    More.",
    ]


def test_the_mistakes_are_ten(pages: Any) -> None:
    assert len(pages["mistakes"].MISTAKES) == 10
