"""Links that leave docs: source files get pages of their own, reports of studies are copied."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pygments import highlight
from pygments.formatters import HtmlFormatter
from pygments.lexers import TextLexer, get_lexer_for_filename
from pygments.util import ClassNotFound

DOCS = Path(__file__).parents[1]
ROOT = DOCS.parent
LINK = re.compile(r"(!?)\[((?:[^\[\]]|`[^`]*`)*)\]\(([^)\s#]+)(#[^)]*)?\)")
# Files beside docs that the site has as pages.
PAGES = {
    "README.md": "index",
    "CONTRIBUTING.md": "generated/contributing",
    "CHANGELOG.md": "generated/changelog",
}
# Pages that are copies of files in the root, so that their links start there.
FROM_ROOT = {"generated/contributing", "generated/changelog"}


def rewrite_links(app: Any, name: str, source: list[str]) -> None:
    """Point links that no page of the site answers to what the site has in their place."""
    sources: set[str] = app.env.__dict__.setdefault("linked_sources", set())
    page = DOCS / f"{name}.md"
    if not page.exists():
        return
    start = ROOT if name in FROM_ROOT else page.parent
    depth = "../" * name.count("/")

    def answer(match: re.Match[str]) -> str:
        is_picture, text, target, anchor = match.groups()
        # Addresses elsewhere stay as they are.
        if ":" in target:
            return match[0]
        path = Path(os.path.normpath(start / target))
        if is_picture:
            return match[0]
        # Reports of studies are whole pages, which Sphinx knows nothing of.
        if path.suffix == ".html" and path.is_relative_to(DOCS):
            return f'<a href="{depth}{path.relative_to(DOCS).as_posix()}">{text}</a>'
        inside = path.is_relative_to(ROOT) and not path.is_relative_to(DOCS) and path.exists()
        known = path.is_relative_to(ROOT) and path.relative_to(ROOT).as_posix()
        # Some files beside docs are pages of the site; source files get a page that shows them.
        if inside and known in PAGES:
            return f"[{text}]({_relative(page, DOCS / PAGES[str(known)])}.md{anchor or ''})"
        if inside:
            sources.add(str(known))
            return f'<a href="{depth}source/{known}.html">{text}</a>'
        if name in FROM_ROOT and path.is_relative_to(DOCS):
            return f"[{text}]({_relative(page, path)}{anchor or ''})"
        return match[0]

    source[0] = _outside_code(source[0], answer)


def write_source_pages(app: Any) -> Iterator[tuple[str, dict[str, Any], str]]:
    """A page for each source file that a page links to."""
    formatter = HtmlFormatter(linenos="inline", cssclass="highlight")
    for name in sorted(getattr(app.env, "linked_sources", ())):
        path = ROOT / name
        text = "\n".join(sorted(item.name for item in path.iterdir())) if path.is_dir() else ""
        text = text or path.read_text(encoding="utf-8")
        try:
            lexer = get_lexer_for_filename(path.name)
        except ClassNotFound:
            lexer = TextLexer()
        body = f"<h1><code>{name}</code></h1>{highlight(text, lexer, formatter)}"
        yield f"source/{name}", {"title": name, "body": body}, "page.html"


def copy_reports(app: Any, error: Exception | None) -> None:
    """The reports of studies are whole pages of their own."""
    if error is not None:
        return
    for report in sorted((DOCS / "studies").glob("*/report.html")):
        place = Path(app.outdir) / report.relative_to(DOCS)
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(report, place)


def _relative(page: Path, target: Path) -> str:
    return os.path.relpath(target, page.parent).replace(os.sep, "/")


def _outside_code(text: str, answer: Any) -> str:
    """Rewrite links, but not inside blocks of code."""
    # Every second part is a block of code.
    parts = re.split(r"(^ *```.*?^ *```)", text, flags=re.MULTILINE | re.DOTALL)
    return "".join(
        part if index % 2 else LINK.sub(answer, part) for index, part in enumerate(parts)
    )
