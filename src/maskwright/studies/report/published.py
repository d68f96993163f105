"""Reading a report back: what came from run folders that are gone, to make the page anew."""

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
PAIRS = "Diagnostics, each arm minus the baseline"
# These follow the templates in studies/pages, so a change there needs one here.
_FIGURE = re.compile(r"<figure>(.*?)<figcaption>(.*?)</figcaption></figure>", re.DOTALL)
_ROW = re.compile(r'<tr><th scope="row">(.*?)</th>(.*?)</tr>', re.DOTALL)
_TILE = re.compile(r'<td(?: colspan="(\d+)")?><img src="([^"]*)" alt="[^"]*">(.*?)</td>', re.DOTALL)
_NOT_ESCAPED = re.compile(r"(?<!\\)\|")


@dataclass(frozen=True)
class FromRuns:
    """The parts of a report that only run folders can give; names are those of `Report`."""

    curves: list[Drawing]
    pictures: Pictures
    masks: Table | None
    others: Table | None
    pairs: Table | None = None


def read_report(page: Path, markdown: Path) -> FromRuns:
    """Read these parts from report.html and report.md, as this package wrote them."""
    html = page.read_text(encoding="utf-8")
    text = markdown.read_text(encoding="utf-8")
    figures = _FIGURE.findall(_section(html, "learning"))
    own, common = (list(_tiles(html, label)) for label in ("Own masks", "Common masks"))
    # The page tells only whether pictures are small enough to be shown with sharp pixels.
    pixels = 64 if "tiles sharp" in html else 65
    return FromRuns(
        curves=[Drawing(svg, unescape(caption)) for svg, caption in figures],
        pictures=Pictures(own, common, _left_out(html), pixels),
        masks=_table(text, MASKS),
        others=_table(text, OTHERS),
        pairs=_table(text, PAIRS),
    )


def _section(html: str, name: str) -> str:
    """One section of the page, or nothing where it has none."""
    match = re.search(rf'<section id="{name}">(.*?)</section>', html, re.DOTALL)
    return match[1] if match else ""


def _tiles(html: str, label: str) -> Iterator[PictureRow]:
    """The rows of a grid of pictures."""
    grid = re.search(rf'aria-label="{label}">(.*?)</table>', html, re.DOTALL)
    # A grid that the page does not have gives no rows.
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
    _, heading, after = text.partition(f"## {title}\n")
    lines = [line for line in after.split("\n## ")[0].splitlines() if line.startswith("|")]
    if not heading or len(lines) < 3:
        return None
    # The second line is the rule under the head.
    head, _, *rows = (_cells(line) for line in lines)
    return Table(head, rows)


def _cells(line: str) -> list[str]:
    """The cells of a line; a pipe inside a cell is written with a backslash."""
    inside = _NOT_ESCAPED.split(line.strip())[1:-1]
    return [cell.strip().replace("\\|", "|") for cell in inside]
