"""Reading a report back: what came from run folders, which are gone, so that the page can be made
anew from study.json.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from html import unescape
from pathlib import Path

from maskwright.studies.report.figures import Drawing
from maskwright.studies.report.runs import PictureRow, Pictures, Tile
from maskwright.studies.report.tables import Table

MASKS, OTHERS = "Statistics of the training masks", "Diagnostics and other measurements"
_FIGURE = re.compile(r"<figure>(.*?)<figcaption>(.*?)</figcaption></figure>", re.DOTALL)
_ROW = re.compile(r'<tr><th scope="row">(.*?)</th>(.*?)</tr>', re.DOTALL)
_TILE = re.compile(r'<td(?: colspan="(\d+)")?><img src="([^"]*)" alt="[^"]*">(.*?)</td>', re.DOTALL)
_NOT_ESCAPED = re.compile(r"(?<!\\)\|")


@dataclass(frozen=True)
class FromRuns:
    """The parts of a report that only run folders can give: learning curves, pictures, tables of
    masks and of diagnostics.
    """

    curves: list[Drawing]
    pictures: Pictures
    masks: Table | None
    others: Table | None


def read_report(page: Path, markdown: Path) -> FromRuns:
    """Read these parts from report.html and report.md, as the templates of this package
    wrote them.
    """
    html, text = page.read_text(encoding="utf-8"), markdown.read_text(encoding="utf-8")
    learning = _section(html, "learning")
    own, common = (list(_tiles(html, label)) for label in ("Own masks", "Common masks"))
    return FromRuns(
        curves=[Drawing(svg, unescape(words)) for svg, words in _FIGURE.findall(learning)],
        pictures=Pictures(own, common, _left_out(html), 64 if "tiles sharp" in html else 65),
        masks=_table(text, MASKS),
        others=_table(text, OTHERS),
    )


def _section(html: str, name: str) -> str:
    """One section of the page, or nothing where it has none."""
    found = re.search(rf'<section id="{name}">(.*?)</section>', html, re.DOTALL)
    return found[1] if found else ""


def _tiles(html: str, label: str) -> Iterator[PictureRow]:
    """The rows of a grid of pictures."""
    grid = re.search(rf'aria-label="{label}">(.*?)</table>', html, re.DOTALL)
    for name, cells in _ROW.findall(grid[1] if grid else ""):
        tiles = [
            Tile(unescape(uri), unescape(words), int(span or 1))
            for span, uri, words in _TILE.findall(cells)
        ]
        yield PictureRow(unescape(name), tiles)


def _left_out(html: str) -> list[str]:
    """Why pictures are missing."""
    lines = re.findall(r'<p class="quiet">(.*?)</p>', _section(html, "pictures"), re.DOTALL)
    return [unescape(line) for line in lines]


def _table(text: str, title: str) -> Table | None:
    """A table of the Markdown report under its title."""
    _, found, after = text.partition(f"## {title}\n")
    lines = [line for line in after.split("\n## ")[0].splitlines() if line.startswith("|")]
    if not found or len(lines) < 3:
        return None
    head, _, *rows = (_cells(line) for line in lines)
    return Table(head, rows)


def _cells(line: str) -> list[str]:
    inside = _NOT_ESCAPED.split(line.strip())[1:-1]
    return [cell.strip().replace("\\|", "|") for cell in inside]
