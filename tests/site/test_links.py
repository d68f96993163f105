"""Links of the Markdown that a code host shows lead somewhere on the site too."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest


def rewrite(links: Any, name: str, text: str) -> tuple[str, set[str]]:
    """The text of a page as Sphinx reads it, and the source files that it links to."""
    app = SimpleNamespace(env=SimpleNamespace())
    source = [text]
    links.rewrite_links(app, name, source)
    return source[0], app.env.linked_sources


@pytest.mark.parametrize(
    ("name", "link", "becomes"),
    [
        ("map", "[a](../README.md)", "[a](index.md)"),
        (
            "map",
            "[a](../CONTRIBUTING.md#house-rules)",
            "[a](generated/contributing.md#house-rules)",
        ),
        ("guide/runs", "[a](../map.md#glossary)", "[a](../map.md#glossary)"),
        ("map", "[a](https://elsewhere.org)", "[a](https://elsewhere.org)"),
        ("map", "![a](images/map.svg)", "![a](images/map.svg)"),
        (
            "guide/comparing",
            "[a](../studies/ratio-cifar10/report.html)",
            '<a href="../studies/ratio-cifar10/report.html">a</a>',
        ),
        (
            "map",
            "[`a`](../src/maskwright/patches/grid.py)",
            '<a href="source/src/maskwright/patches/grid.py.html">`a`</a>',
        ),
    ],
)
def test_a_link_leads_to_what_the_site_has(
    site_module: Any, name: str, link: str, becomes: str
) -> None:
    assert rewrite(site_module("links"), name, link)[0] == becomes


def test_a_linked_source_file_gets_a_page_and_code_is_left_alone(site_module: Any) -> None:
    links = site_module("links")
    text = "[a](../src/maskwright/patches/grid.py)\n```\n[a](../README.md)\n```\n"
    written, sources = rewrite(links, "map", text)
    assert "[a](../README.md)" in written
    assert sources == {"src/maskwright/patches/grid.py"}
    app = SimpleNamespace(env=SimpleNamespace(linked_sources=sources))
    ((name, context, _),) = links.write_source_pages(app)
    assert name == "source/src/maskwright/patches/grid.py"
    assert "patch_size" in context["body"]


def test_pages_and_caches_stay_while_nothing_changes(site_module: Any, tmp_path: Path) -> None:
    files = site_module("files")
    page = tmp_path / "folder" / "page.md"
    files.write_changed(page, "one")
    written = page.stat().st_mtime_ns
    files.write_changed(page, "one")
    assert page.stat().st_mtime_ns == written
    files.write_changed(page, "two")
    assert page.read_text() == "two"

    assert files.stamp_of(["masking"], "a") != files.stamp_of(["masking"], "b")
    assert files.stamp_of(["masking"]) == files.stamp_of(["masking"])
    (tmp_path / "cache" / "old").mkdir(parents=True)
    (tmp_path / "cache" / "new").mkdir()
    assert files.cache_for(tmp_path / "cache", "new") == tmp_path / "cache" / "new"
    assert [path.name for path in (tmp_path / "cache").iterdir()] == ["new"]
