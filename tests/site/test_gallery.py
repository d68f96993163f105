"""The gallery is made of the catalogs: what is planted there appears, with nothing else to do."""

from __future__ import annotations

import dataclasses
import sys
from dataclasses import dataclass, replace
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from maskwright.support.catalog import Entry


@dataclass(frozen=True)
class PlantedPolicy:
    """Mask what a gardener would. It has a second sentence. It has a third one. Nobody sees this.

    Formula: score[i] = height of the plant at i
    Source: Linnaeus 1753.

    water: how much, in
        liters.
    """

    water: float = 1.0


@dataclass(frozen=True)
class WithoutFormula:
    """Mask something. Nobody knows how.

    Source: Linnaeus 1753.
    """


@dataclass(frozen=True)
class WithoutSource:
    """Mask something. Nobody knows who thought of it.

    Formula: score[i] = 1
    """


@dataclass(frozen=True)
class WithoutSentences:
    """Mask something.

    Formula: score[i] = 1
    Source: Linnaeus 1753.
    """


@pytest.fixture(scope="module")
def pages(site_module: Any) -> dict[str, ModuleType]:
    """The modules that write the gallery."""
    names = ("catalogs", "docstrings", "gallery", "materials")
    return {name: site_module(name) for name in names}


def plant(pages: dict[str, ModuleType], kind: type, **more: Any) -> Any:
    """The section of policies with one more entry."""
    sys.modules.setdefault(__name__, sys.modules[kind.__module__])
    entry = Entry(f"{__name__}:{kind.__name__}", "a planted policy", **more)
    section = pages["catalogs"].SECTIONS[0]
    return replace(section, catalog={**section.catalog, "planted": entry})


def test_a_planted_entry_appears_with_its_parts(pages: Any) -> None:
    section = plant(pages, PlantedPolicy, examples=("planted(water=2)",))
    read = pages["gallery"].read_section(section)
    drawn = {name: Path(f"{name}.png") for name in section.catalog}
    page = pages["gallery"].format_section(section, read, drawn)
    assert r"![Policies: 0.5\*random + 0.5\*block(size=2), one of" in page
    entry = page.split("## `planted`")[1]
    assert "*a planted policy*" in entry
    assert "It has a third one." in entry
    assert "Nobody sees this." not in entry
    assert "![Policies: planted(water=2), a planted policy](pictures/policies/planted" in entry
    assert "score[i] = height of the plant at i" in entry
    assert "Source: Linnaeus 1753." in entry
    assert 'maskwright pretrain PHOTOS --policy "planted(water=2)"' in entry
    assert "- `water` (default 1): how much, in liters." in entry


@pytest.mark.parametrize(
    ("kind", "lacks"),
    [(WithoutFormula, "Formula"), (WithoutSource, "Source"), (WithoutSentences, "2 sentences")],
)
def test_an_entry_that_lacks_something_is_refused_before_anything_is_drawn(
    pages: Any, tmp_path: Path, kind: type, lacks: str
) -> None:
    section = plant(pages, kind)
    with pytest.raises(pages["gallery"].IncompleteEntry, match=f"'planted'.*{lacks}"):
        pages["gallery"].write_gallery(tmp_path / "out", tmp_path / "pictures", [section])
    assert not list(tmp_path.rglob("*.png"))


def test_a_planted_entry_is_drawn_once_and_forgotten_when_it_is_gone(
    pages: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn: list[str] = []

    def draw(materials: Any, line: str, out: Path) -> None:
        drawn.append(line)
        out.write_bytes(b"")

    gallery = pages["gallery"]
    monkeypatch.setitem(gallery.DRAWN, "policies", draw)
    materials = pages["materials"].Materials(tmp_path)
    section = plant(pages, PlantedPolicy, examples=("planted(water=2)",))
    first = gallery.draw_section(section, tmp_path, materials)
    assert drawn[-1] == "planted(water=2)"
    assert set(first) == set(section.catalog)
    count = len(drawn)
    assert gallery.draw_section(section, tmp_path, materials) == first
    assert len(drawn) == count

    # The entry leaves the catalog, and its picture goes.
    gallery.draw_section(pages["catalogs"].SECTIONS[0], tmp_path, materials)
    assert not first["planted"].exists()
    assert first["random"].exists()


def test_every_entry_is_complete_and_every_option_is_described(pages: Any) -> None:
    for section in pages["catalogs"].SECTIONS:
        pages["gallery"].read_section(section)
        for name, entry in section.catalog.items():
            kind = entry.load()
            options = pages["docstrings"].read_options(kind)
            described = {each for option in options for each in option.names}
            fields = {item.name for item in dataclasses.fields(kind) if item.init}
            assert fields <= described, f"{section.name} {name}"


def test_examples_of_files_are_written_for_entries_that_are_there(pages: Any) -> None:
    for section in pages["catalogs"].SECTIONS:
        for named in (section.written, section.pictured, section.flags):
            assert set(named) <= set(section.catalog)
        for name in section.catalog:
            assert "{" not in section.command_of(name).replace("{face", "")
