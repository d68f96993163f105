"""Contact sheets of a prepared store: the window kept of each picture, and maps over pictures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import cycle, islice

import numpy as np
from matplotlib.colors import to_rgb
from PIL import Image, ImageDraw

from maskwright.visual.page import INK, MARGIN, TEXT_SIZE, TITLE_SIZE, Page, text_width
from maskwright.visual.palette import SERIES

# Pixels: the side of a picture with the white around it.
CELL = 190
# The colors of series are too few for the parts of a face; more of Paul Tol's muted ones follow.
_MORE_COLORS = ("#999933", "#882255", "#332288", "#aa4499", "#ddcc77", "#444444", "#88ccee")


def _to_bytes(name: str) -> tuple[int, ...]:
    return tuple(round(value * 255) for value in to_rgb(name))


PART_COLORS = tuple(_to_bytes(name) for name in (*SERIES[:6], *_MORE_COLORS))
"""Colors of parts, in order and again from the first."""
_WHITE = (255, 255, 255)
# A warm tone, which few pictures have.
_PAPER = (236, 226, 214)
# How bright the outside of a window stays, and how much a part's color covers its picture.
_OUTSIDE = 0.35
_STRENGTH = 0.55


@dataclass(frozen=True)
class WindowPicture:
    """A whole picture with the window that is kept of it.

    pixels: (H, W, 3) uint8.
    window: (top, left, height, width).
    caption: a word or two on what it keeps.
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
    cells = [(_darkened(picture), picture.caption) for picture in pictures]
    return _sheet(title, cells, columns, CELL)


def map_sheet(
    title: str, parts: Sequence[str], pictures: Sequence[MapPicture], columns: int = 4
) -> np.ndarray:
    """Draw each picture beside itself under its map.

    parts: names of the labels in the maps, drawn in their colors; without names the maps are
        shares, drawn as how visible the picture stays.
    """
    cells = []
    for picture in pictures:
        overlaid = _label_overlay(picture) if parts else _share_overlay(picture)
        pair = np.concatenate([_fit(picture.pixels), _fit(overlaid)], axis=1)
        cells.append((pair, picture.caption))
    sheet = _sheet(title, cells, columns, CELL * 2)
    if not parts:
        return sheet
    return np.concatenate([sheet, _legend(parts, sheet.shape[1])], axis=0)


def _sheet(
    title: str, cells: Sequence[tuple[np.ndarray, str]], columns: int, cell: int
) -> np.ndarray:
    page = Page(columns, cell)
    page.write(title, TITLE_SIZE, INK, bold=True)
    page.skip()
    captioned = [_captioned(tile, caption, cell) for tile, caption in cells]
    for start in range(0, len(captioned), columns):
        row: list[np.ndarray | None] = list(captioned[start : start + columns])
        # The last row may be shorter.
        missing = columns - len(row)
        page.set_tiles(row + [None] * missing)
    return page.finish()


def _darkened(picture: WindowPicture) -> np.ndarray:
    """The whole picture, dark outside its window."""
    top, left, height, width = picture.window
    rows = slice(top, top + height)
    columns = slice(left, left + width)
    dark = (picture.pixels * _OUTSIDE).astype(np.uint8)
    dark[rows, columns] = picture.pixels[rows, columns]
    return _fit(dark)


def _share_overlay(picture: MapPicture) -> np.ndarray:
    """The picture where its map is high, and a pale trace of it on paper where it is low."""
    # (H, W) -> (H, W, 1)
    share = picture.values[:, :, None] / 255
    gray = picture.pixels.mean(2, keepdims=True)
    trace = 0.6 * np.array(_PAPER) + 0.2 * gray
    mixed = picture.pixels * share + trace * (1 - share)
    return mixed.astype(np.uint8)


def _label_overlay(picture: MapPicture) -> np.ndarray:
    """The picture tinted by the colors of its parts; label 0 is none of them."""
    # A color for each of the 256 values of a byte.
    repeated = islice(cycle(PART_COLORS), 255)
    table = np.array([(0, 0, 0), *repeated])
    colors = table[picture.values]  # (H, W, 3)
    is_part = picture.values[:, :, None] > 0
    strength = np.where(is_part, _STRENGTH, 0)
    tinted = picture.pixels * (1 - strength) + colors * strength
    return tinted.astype(np.uint8)


def _fit(pixels: np.ndarray) -> np.ndarray:
    """Fit a picture into a cell; enlarging repeats pixels."""
    # Four pixels of white part neighbors.
    height, width = pixels.shape[:2]
    factor = (CELL - 4) / max(height, width)
    height = max(1, round(height * factor))
    width = max(1, round(width * factor))
    filter_used = Image.Resampling.BOX
    if factor > 1:
        filter_used = Image.Resampling.NEAREST
    fitted = Image.fromarray(pixels).resize((width, height), filter_used)
    # White at the right, so that all cells are equally wide.
    sheet = Image.new("RGB", (CELL, height), _WHITE)
    sheet.paste(fitted, (0, 0))
    return np.asarray(sheet)


def _captioned(tile: np.ndarray, caption: str, width: int) -> np.ndarray:
    # Captions are file names, which have no good place to break.
    while caption and text_width(caption, TEXT_SIZE) > width:
        caption = caption[:-1]
    height = tile.shape[0]
    sheet = Image.new("RGB", (width, height + 20), _WHITE)
    sheet.paste(Image.fromarray(tile), (0, 0))
    draw = ImageDraw.Draw(sheet)
    draw.text((0, height + 2), caption, fill=INK, font_size=TEXT_SIZE)
    return np.asarray(sheet)


def _legend(parts: Sequence[str], width: int) -> np.ndarray:
    """Name the parts in their colors, in as many lines as they need."""
    # First find where each entry goes, because the height of the sheet follows from it.
    corners: list[tuple[int, int]] = []
    x = MARGIN
    y = 0
    for part in parts:
        entry = text_width(part, TEXT_SIZE) + 34
        is_full = x + entry > width - MARGIN
        if is_full and x > MARGIN:
            x = MARGIN
            y += 22
        corners.append((x, y))
        x += entry
    sheet = Image.new("RGB", (width, y + 34), _WHITE)
    draw = ImageDraw.Draw(sheet)
    for part, (left, top), color in zip(parts, corners, cycle(PART_COLORS), strict=False):
        draw.rectangle((left, top, left + 13, top + 13), fill=color)
        draw.text((left + 18, top), part, fill=INK, font_size=TEXT_SIZE)
    return np.asarray(sheet)
