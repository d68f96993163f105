"""The map of the house is the one of today's imports."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[1] / "docs" / "draw_map.py"


@pytest.fixture(scope="module")
def draw_map():
    spec = importlib.util.spec_from_file_location("draw_map", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_picture_is_the_one_of_todays_imports(draw_map) -> None:
    drawn = draw_map.draw_map(draw_map.read_sources())
    written = draw_map.PICTURE.read_text(encoding="utf-8")
    assert drawn == written, "draw it anew: python docs/draw_map.py"


def test_everybody_stands_above_all_that_they_import(draw_map) -> None:
    floors = draw_map.find_floors({"roof": {"wall", "floor"}, "wall": {"floor"}, "floor": set()})
    assert floors == [["floor"], ["wall"], ["roof"]]


def test_a_circle_has_no_floors(draw_map) -> None:
    with pytest.raises(ValueError, match="a circle of imports"):
        draw_map.find_floors({"a": {"b"}, "b": {"a"}})


def test_every_room_of_the_package_is_on_the_map() -> None:
    text = (SCRIPT.parent / "map.md").read_text(encoding="utf-8")
    src = SCRIPT.parents[1] / "src" / "maskwright"
    rooms = {path.parent.name for path in src.glob("*/__init__.py")}
    assert rooms
    for room in rooms:
        assert f"`{room}`" in text, f"docs/map.md has no sentence for {room}"
