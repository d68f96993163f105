"""Sheets of a survey: a sample, the same pictures at several sizes, and pairs that look alike."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image

from maskwright.visual.picture_grid import GridLine, Note, picture_grid

# Pixels: of a picture of the sample, and of a picture that is looked at closely.
SMALL = 150
LARGE = 256
PAIRS_PER_LINE = 3


@dataclass(frozen=True)
class Captioned:
    """A picture (H, W, C) uint8 and a few words below it."""

    pixels: np.ndarray
    caption: str = ""


def sample_sheet(title: str, pictures: Sequence[Captioned], columns: int = 8) -> np.ndarray:
    """Pictures in lines of equal length; returns (H, W, 3) uint8."""
    lines = []
    for start in range(0, len(pictures), columns):
        lines.append(_line(pictures[start : start + columns], columns))
    return picture_grid(lines, title=title)


def size_sheet(
    title: str, heads: Sequence[str], rows: Sequence[Sequence[np.ndarray]], notes: Sequence[str]
) -> np.ndarray:
    """The same picture in every column of a line, with less and less detail.

    heads: a few words over each column.
    rows: a line per picture, of equal (S, S, 3) uint8 squares.
    """
    lines: list[GridLine] = []
    for row in rows:
        tiles = [fit_square(pixels, LARGE) for pixels in row]
        captions = [""] * len(tiles)
        titles = () if lines else heads
        lines.append(GridLine(tiles, captions, titles))
    return picture_grid(lines, [Note(text) for text in notes], title)


def pair_sheet(
    title: str, pairs: Sequence[tuple[Captioned, Captioned]], notes: Sequence[str]
) -> np.ndarray:
    """Pairs of pictures, three pairs in a line."""
    lines = []
    for start in range(0, len(pairs), PAIRS_PER_LINE):
        row: list[Captioned] = []
        for pair in pairs[start : start + PAIRS_PER_LINE]:
            row += pair
        lines.append(_line(row, 2 * PAIRS_PER_LINE))
    return picture_grid(lines, [Note(text) for text in notes], title)


def _line(pictures: Sequence[Captioned], columns: int) -> GridLine:
    """A line of pictures, filled up with blanks to its number of columns."""
    tiles = [fit_square(picture.pixels, SMALL) for picture in pictures]
    captions = [picture.caption for picture in pictures]
    return GridLine(tiles, captions).filled_up(columns)


def fit_square(pixels: np.ndarray, side: int) -> np.ndarray:
    """A picture inside a white square of `side` pixels; enlarging repeats pixels."""
    picture = Image.fromarray(pixels.squeeze()).convert("RGB")
    factor = side / max(picture.size)
    # A strip one pixel high would vanish.
    width = max(1, round(picture.width * factor))
    height = max(1, round(picture.height * factor))
    filter_used = Image.Resampling.NEAREST if factor > 1 else Image.Resampling.LANCZOS
    resized = picture.resize((width, height), filter_used)
    sheet = Image.new("RGB", (side, side), (255, 255, 255))
    sheet.paste(resized, (0, 0))
    return np.asarray(sheet)
