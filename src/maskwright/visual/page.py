"""A white page on which pictures and lines of text are set one below the other."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import chain
from pathlib import Path

import matplotlib
import numpy as np
from PIL import Image, ImageDraw, ImageFont

# Pixels.
MARGIN, GAP = 20, 10
TITLE_SIZE, COLUMN_SIZE, TEXT_SIZE = 17, 14, 12
INK, MUTED, WARNING = (31, 35, 40), (89, 99, 110), (176, 60, 20)

_PAPER, _RULE = (255, 255, 255), (208, 215, 222)
# Height of a line, in sizes of its letters.
_LEADING = 1.45
# Where a word that is too wide may be broken, such as a policy with its options or a path.
_BREAKS = re.compile(r"(?<=[(,/_=-])")

Color = tuple[int, int, int]


@dataclass(frozen=True)
class _Text:
    """A line of text at its upper left corner."""

    x: int
    y: int
    line: str
    size: int
    color: Color
    bold: bool


class Page:
    """A sheet of paper in columns of equal width, which grows downward as it is filled."""

    def __init__(self, columns: int, cell: int) -> None:
        """Start with white.

        columns: how many.
        cell: the width of a column in pixels.
        """
        self._cell = cell
        self._lefts = [MARGIN + column * (cell + GAP) for column in range(columns)]
        self._right = self._lefts[-1] + cell
        # The height is known at the end alone, so everything is kept here and drawn in `finish`.
        self._bottom = MARGIN
        self._tiles: list[tuple[int, int, np.ndarray]] = []
        self._texts: list[_Text] = []
        self._rules: list[int] = []

    def skip(self, pixels: int = GAP) -> None:
        """Leave some white."""
        self._bottom += pixels

    def write(
        self, text: str, size: int = TEXT_SIZE, color: Color = MUTED, bold: bool = False
    ) -> None:
        """Set a text across the page, wrapped at the margins."""
        for line in _wrap(text, self._right - MARGIN, size, bold):
            self._texts.append(_Text(MARGIN, self._bottom, line, size, color, bold))
            self._bottom += int(size * _LEADING)

    def set_titles(self, titles: Sequence[str]) -> None:
        """Set one bold word over each column."""
        for x, title in zip(self._lefts, titles, strict=True):
            self._texts.append(_Text(x, self._bottom, title, COLUMN_SIZE, INK, bold=True))
        self._bottom += int(COLUMN_SIZE * _LEADING) + 4

    def set_words(
        self, words: Sequence[str], size: int = TEXT_SIZE, color: Color = MUTED, bold: bool = False
    ) -> None:
        """Set a few words in each column, wrapped inside it; all columns start at one height."""
        wrapped = [_wrap(text, self._cell, size, bold) if text else [] for text in words]
        leading = int(size * _LEADING)
        for x, lines in zip(self._lefts, wrapped, strict=True):
            for number, line in enumerate(lines):
                y = self._bottom + number * leading
                self._texts.append(_Text(x, y, line, size, color, bold))
        # The column with the most lines decides where the next row starts.
        most_lines = max(map(len, wrapped))
        self._bottom += most_lines * leading

    def set_tiles(self, tiles: Sequence[np.ndarray | None]) -> None:
        """Set one (h, w, 3) uint8 picture in each column, or leave it empty."""
        heights = []
        for x, tile in zip(self._lefts, tiles, strict=True):
            if tile is not None:
                self._tiles.append((x, self._bottom, tile))
                heights.append(tile.shape[0])
        self._bottom += max(heights) + 5

    def rule(self) -> None:
        """Draw a line from margin to margin."""
        self._rules.append(self._bottom)
        self._bottom += GAP

    def finish(self) -> np.ndarray:
        """Draw everything; returns (H, W, 3) uint8."""
        width = self._right + MARGIN
        height = self._bottom + MARGIN
        sheet = Image.new("RGB", (width, height), _PAPER)
        draw = ImageDraw.Draw(sheet)
        for x, y, tile in self._tiles:
            sheet.paste(Image.fromarray(tile), (x, y))
        for text in self._texts:
            font = _font(text.size, text.bold)
            draw.text((text.x, text.y), text.line, fill=text.color, font=font)
        for y in self._rules:
            draw.line((MARGIN, y, self._right, y), fill=_RULE)
        return np.asarray(sheet)


def text_width(text: str, size: int, bold: bool = False) -> int:
    """Width of a line of text in pixels."""
    return int(_font(size, bold).getlength(text)) + 1


@lru_cache
def _font(size: int, bold: bool = False) -> ImageFont.FreeTypeFont:
    # Matplotlib brings this font along, so that sheets look the same on every machine.
    name = "DejaVuSans-Bold.ttf" if bold else "DejaVuSans.ttf"
    path = Path(matplotlib.get_data_path()) / "fonts" / "ttf" / name
    return ImageFont.truetype(str(path), size)


def _wrap(text: str, width: int, size: int, bold: bool) -> list[str]:
    """Break a text at its line ends, at spaces, and too wide words after brackets, commas, ..."""
    broken = [_wrap_line(line, width, size, bold) for line in text.split("\n")]
    return list(chain.from_iterable(broken))


def _wrap_line(text: str, width: int, size: int, bold: bool) -> list[str]:
    lines: list[str] = []
    for word in text.split(" "):
        parts = [word]
        if text_width(word, size, bold) > width:
            parts = _BREAKS.split(word)
        for number, part in enumerate(parts):
            # Words are joined by a space, the parts of a broken word by nothing.
            glue = "" if number else " "
            longer = lines[-1] + glue + part if lines else ""
            if lines and text_width(longer, size, bold) <= width:
                lines[-1] = longer
            else:
                lines.append(part)
    return lines


def write_rows(
    title: str,
    columns: Sequence[str],
    rows: Sequence[Sequence[np.ndarray]],
    captions: Sequence[str],
) -> Page:
    """A page with a row of tiles for each picture under the titles of the columns.

    captions: a line below each row; empty ones take no room.
    """
    # Tiny images have tiles that are narrower than their titles.
    title_widths = [text_width(column, COLUMN_SIZE, bold=True) for column in columns]
    tile_widths = [tiles[0].shape[1] for tiles in rows]
    page = Page(len(columns), max(*title_widths, *tile_widths))
    if title:
        page.write(title, TITLE_SIZE, INK, bold=True)
        page.skip()
    page.set_titles(columns)
    for tiles, caption in zip(rows, captions, strict=True):
        page.set_tiles(tiles)
        if caption:
            page.write(caption)
        page.skip()
    return page
