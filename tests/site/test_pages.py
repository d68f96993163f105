"""What a build of the site does not check: house rules, links on a code host, whole lists."""

from __future__ import annotations

import re
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from tests.house import rules

import maskwright

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
# Reports are written by the package.
PAGES = [path for path in sorted(DOCS.rglob("*.md")) if "generated" not in path.parts]
PAGES = [*[path for path in PAGES if path.name != "report.md"], *sorted(ROOT.glob("*.md"))]
LINK = re.compile(r"\[(?:[^\[\]]|`[^`]*`)*\]\(([^)\s#]+)(?:#[^)]*)?\)")
SITE = {path.stem: path.read_text(encoding="utf-8") for path in (DOCS / "site_pages").glob("*.py")}
PER_FILE = [
    rules.long_files,
    rules.long_functions,
    rules.wide_lines,
    rules.banned_names,
    rules.missing_first_sentences,
]


def without_code(text: str) -> str:
    """A page without its blocks of code."""
    return re.sub(r"^ *```.*?^ *```", "", text, flags=re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("rule", PER_FILE, ids=lambda rule: rule.__name__)
def test_what_writes_the_site_keeps_the_house_rules(rule: Any) -> None:
    broken = [line for name, text in SITE.items() for line in rule(name, text)]
    assert not broken, "\n".join(broken)


def test_what_writes_the_site_has_room_and_reasons() -> None:
    density = rules.measure_density(list(SITE.values()))
    assert density.nodes_per_line <= rules.MOST_NODES_PER_LINE
    assert density.comments_per_100 >= rules.FEWEST_COMMENTS_PER_100


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_of_a_page_work_on_a_code_host(page: Path) -> None:
    for target in LINK.findall(without_code(page.read_text(encoding="utf-8"))):
        # Pages that are generated are on the site alone.
        if ":" in target or "generated/" in target:
            continue
        assert (page.parent / target).exists(), target


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_pictures_of_a_page_have_a_text(page: Path) -> None:
    for alt in re.findall(r"!\[([^\]]*)\]\(", without_code(page.read_text(encoding="utf-8"))):
        assert len(alt) > 10


def test_the_readme_is_short_and_leads_to_the_sites_pages() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    assert len(text.splitlines()) <= 110
    for name in ("start", "tour", "which-policy", "five-projects", "howto/index", "guide/index"):
        assert f"(docs/{name}.md)" in text, name


@pytest.mark.parametrize("folder", ["howto", "guide"])
def test_a_folders_page_names_every_page_in_it(folder: str) -> None:
    listed = (DOCS / folder / "index.md").read_text(encoding="utf-8")
    for path in (DOCS / folder).glob("*.md"):
        assert path.stem == "index" or f"]({path.name})" in listed, path.name


def test_the_reference_has_every_public_name_once(site_module: Any) -> None:
    reference = site_module("reference")
    listed = [name for _, _, names in reference.PUBLIC.values() for name in names]
    assert sorted(listed) == sorted(set(maskwright.__all__) - {"__version__"})


def test_every_room_of_the_reference_has_an_example_that_runs(site_module: Any) -> None:
    # tests/site/test_release_files.py runs them.
    for room, (_, modules) in site_module("reference").ROOMS.items():
        texts = [Path(str(import_module(name).__file__)).read_text("utf-8") for name in modules]
        assert any(">>> " in text for text in texts), room


def test_a_broken_link_an_anchor_and_a_picture_without_text_are_found(
    site_module: Any, tmp_path: Path
) -> None:
    (tmp_path / "a.html").write_text(
        '<h1 id="top">A</h1><a href="b.html#there">b</a><a href="b.html#not">b</a>'
        '<a href="c.html">c</a><img src="b.html"><img src="b.html" alt="b">'
        '<script src="https://elsewhere.org/x.js"></script><a href="https://elsewhere.org">e</a>'
    )
    (tmp_path / "b.html").write_text('<p id="there"></p>')
    found = list(site_module("check_links").find_broken(tmp_path))
    assert len(found) == 4
    for part in ("b.html#not", "c.html", "has no text", "elsewhere.org/x.js"):
        assert any(part in line for line in found), part


def test_the_mistakes_are_ten(site_module: Any) -> None:
    assert len(site_module("mistakes").MISTAKES) == 10
