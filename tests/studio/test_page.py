"""The page as it is sent: small, whole, and without a word of anywhere else."""

from __future__ import annotations

import re
from importlib.util import find_spec

import pytest
from starlette.testclient import TestClient

from maskwright.studio.app import PAGE
from maskwright.studio.rooms.catalog import ROOMS

FILES = sorted(path for path in PAGE.rglob("*") if path.is_file())
MOST_BYTES = 400_000


def test_the_page_is_light() -> None:
    assert sum(path.stat().st_size for path in FILES) <= MOST_BYTES


def test_every_file_is_served_as_what_it_is(client: TestClient) -> None:
    kinds = {".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml"}
    for path in FILES:
        answer = client.get(f"/page/{path.relative_to(PAGE).as_posix()}")
        assert answer.status_code == 200
        if path.suffix in kinds:
            assert answer.headers["content-type"].startswith(kinds[path.suffix])


def test_every_room_has_a_page_module() -> None:
    for room in ROOMS:
        text = (PAGE / "rooms" / f"{room.name}.js").read_text()
        assert f'export const title = "{room.title}"' in text
        assert "export function mount(" in text


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_nothing_is_asked_of_another_address(path) -> None:
    addresses = set(re.findall(r"https?://[^\s\"'`)]+", path.read_text()))
    # The names of XML are no addresses that anybody opens.
    assert addresses <= {"http://www.w3.org/2000/svg"}


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_no_text_becomes_markup_or_code(path) -> None:
    text = path.read_text()
    for word in ("innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval("):
        assert word not in text, word
    # The content policy refuses these, so they would silently do nothing.
    if path.suffix == ".html":
        assert not re.search(r"\son\w+=|\sstyle=|<script>", text)


def test_the_extra_is_there() -> None:
    # Both come with maskwright[studio], which the tests install.
    assert find_spec("starlette")
    assert find_spec("uvicorn")


def test_no_class_means_two_things_in_two_style_sheets() -> None:
    sheets = [path.read_text() for path in FILES if path.suffix == ".css"]
    # A rule of a sheet's own begins with its class; `.panel .number` only adds to another's.
    owned = [set(re.findall(r"^\.([\w-]+)(?=[ ,{.:])", sheet, re.MULTILINE)) for sheet in sheets]
    doubled = {name for name in set().union(*owned) if sum(name in names for names in owned) > 1}
    assert not doubled
