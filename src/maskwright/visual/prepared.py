"""Contact sheets of a prepared store: which window of each picture was kept and why, and maps laid
over their pictures.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.colors import to_rgb
from PIL import Image, ImageDraw

from maskwright.visual.page import INK, MARGIN, TEXT_SIZE, TITLE_SIZE, Page, text_width
from maskwright.visual.palette import SERIES

CELL = 190
PART_COLORS = tuple(
    tuple(round(value * 255) for value in to_rgb(name))
    for name in (
        *SERIES[:6],
        *("#999933", "#882255", "#332288", "#aa4499", "#ddcc77", "#444444", "#88ccee"),
    )
)
"""Colors of parts, in order and again from the first."""
_OUTSIDE = 0.35
_STRENGTH = 0.55


@dataclass(frozen=True)
class WindowPicture:
    """A whole picture (H, W, 3) uint8, its window as (top, left, height, width) and a word or two
    on what it keeps.
    """

    pixels: np.ndarray
    window: tuple[int, int, int, int]
    caption: str


@dataclass(frozen=True)
class MapPicture:
    """A stored picture (H, W, 3) uint8 and its map (H, W) uint8."""

    pixels: np.ndarray
    values: np.ndarray
    caption: str


def window_sheet(title: str, pictures: Sequence[WindowPicture], columns: int = 4) -> np.ndarray:
    """Draw pictures with the part outside their window darkened; returns (H, W, 3) uint8."""
    return _sheet(title, [], [(_windowed(one), one.caption) for one in pictures], columns)


def map_sheet(
    title: str, parts: Sequence[str], pictures: Sequence[MapPicture], columns: int = 4
) -> np.ndarray:
    """Draw each picture beside itself under its map: parts in their colors, or a share as how
    visible the picture stays.
    """
    pairs = [
        (np.concatenate([_fit(one.pixels), _fit(_overlaid(one, bool(parts)))], axis=1), one.caption)
        for one in pictures
    ]
    return _sheet(title, parts, pairs, columns, CELL * 2)


def _sheet(
    title: str,
    parts: Sequence[str],
    cells: Sequence[tuple[np.ndarray, str]],
    columns: int,
    cell: int = CELL,
) -> np.ndarray:
    page = Page(columns, cell)
    page.write(title, TITLE_SIZE, INK, bold=True)
    page.skip()
    for start in range(0, len(cells), columns):
        row = list(cells[start : start + columns])
        blank = [(np.full((1, 1, 3), 255, dtype=np.uint8), "")] * (columns - len(row))
        page.set_tiles([_captioned(tile, caption, cell) for tile, caption in [*row, *blank]])
    sheet = page.finish()
    return np.concatenate([sheet, _legend(parts, sheet.shape[1])], axis=0) if parts else sheet


def _windowed(one: WindowPicture) -> np.ndarray:
    top, left, height, width = one.window
    dark = (one.pixels * _OUTSIDE).astype(np.uint8)
    dark[top : top + height, left : left + width] = one.pixels[
        top : top + height, left : left + width
    ]
    return _fit(dark)


def _overlaid(one: MapPicture, is_labels: bool) -> np.ndarray:
    if not is_labels:
        share = one.values[:, :, None] / 255
        paper = np.array((236, 226, 214)) * 0.6 + one.pixels.mean(2, keepdims=True) * 0.2
        return (one.pixels * share + paper * (1 - share)).astype(np.uint8)
    table = np.array([(0, 0, 0), *(PART_COLORS[at % len(PART_COLORS)] for at in range(255))])
    strength = np.where(one.values > 0, _STRENGTH, 0)[:, :, None]
    return (one.pixels * (1 - strength) + table[one.values] * strength).astype(np.uint8)


def _fit(pixels: np.ndarray) -> np.ndarray:
    """Fit a picture into a cell; enlarging repeats pixels."""
    factor = (CELL - 4) / max(pixels.shape[:2])
    size = max(1, round(pixels.shape[1] * factor)), max(1, round(pixels.shape[0] * factor))
    fitted = np.asarray(
        Image.fromarray(pixels).resize(
            size, Image.Resampling.NEAREST if factor > 1 else Image.Resampling.BOX
        )
    )
    return np.pad(fitted, ((0, 0), (0, CELL - size[0]), (0, 0)), constant_values=255)


def _captioned(tile: np.ndarray, caption: str, width: int) -> np.ndarray:
    while caption and text_width(caption, TEXT_SIZE) > width:
        caption = caption[:-1]
    sheet = Image.new("RGB", (width, tile.shape[0] + 20), (255, 255, 255))
    sheet.paste(Image.fromarray(tile), (0, 0))
    ImageDraw.Draw(sheet).text((0, tile.shape[0] + 2), caption, fill=INK, font_size=TEXT_SIZE)
    return np.asarray(sheet)


def _legend(parts: Sequence[str], width: int) -> np.ndarray:
    """Name the parts in their colors, in as many lines as they need."""
    places: list[tuple[int, int, int]] = []
    x, y = MARGIN, 0
    for at, part in enumerate(parts):
        need = text_width(part, TEXT_SIZE) + 34
        if x + need > width - MARGIN and x > MARGIN:
            x, y = MARGIN, y + 22
        places.append((at, x, y))
        x += need
    sheet = Image.new("RGB", (width, y + 34), (255, 255, 255))
    pen = ImageDraw.Draw(sheet)
    for at, left, top in places:
        pen.rectangle((left, top, left + 13, top + 13), fill=PART_COLORS[at % len(PART_COLORS)])
        pen.text((left + 18, top), parts[at], fill=INK, font_size=TEXT_SIZE)
    return np.asarray(sheet)
