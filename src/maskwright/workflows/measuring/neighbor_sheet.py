"""The sheet of `maskwright neighbors`: pictures beside those most like them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path, PurePosixPath

import numpy as np
import torch

from maskwright.data.pixels.decode import DecodeOptions, UnreadableImage
from maskwright.data.sources.open import Source, open_source
from maskwright.data.store.splits import spread
from maskwright.support.errors import MaskwrightError
from maskwright.support.reporting import Reporter
from maskwright.visual.picture_grid import GridLine, Note, picture_grid
from maskwright.visual.tiles import to_tile
from maskwright.workflows.loading.views import to_model_size
from maskwright.workflows.measuring.neighbor_report import FoundNeighbors
from maskwright.workflows.runs.figures import save_picture
from maskwright.workflows.settings.neighbors_settings import NeighborsSettings

# Pixels of a side of a tile.
TILE = 128


def draw_neighbors(
    found: FoundNeighbors, folder: Path, settings: NeighborsSettings, reporter: Reporter
) -> None:
    """Leave a sheet; where the pictures are not found, say so and how to name their place."""
    place = settings.photos or found.table.data
    other_place = settings.photos or found.among.data
    try:
        queries = _Pictures(place)
        others = queries if other_place == place else _Pictures(other_place)
        lines = _lines(found, queries, others, settings.show)
    except (MaskwrightError, UnreadableImage) as error:
        reporter.warn(
            f"There is no sheet, because the pictures are not found: {error} Name their place with"
            " --photos DATA."
        )
        return
    note = Note(
        f"{len(found.pairs):,} pairs are at least {settings.duplicates:g} alike. Numbers: cosine of"
        " standardized features."
    )
    sheet = picture_grid(lines, [note], "Pictures and their nearest neighbors")
    save_picture(folder / "sheet.png", sheet)
    reporter.say(f"Sheet: {folder / 'sheet.png'}")


def _lines(
    found: FoundNeighbors, queries: _Pictures, others: _Pictures, show: int
) -> list[GridLine]:
    """A line for each of some pictures: itself, then its neighbors."""
    names = found.queries
    lines: list[GridLine] = []
    for number in spread(len(names), show):
        tiles = [queries.tile(names[number])]
        words = [_caption(names[number], found.table.labels, int(found.rows[number]))]
        places = found.neighbors.rows[number].tolist()
        values = found.neighbors.similarity[number].tolist()
        for at, value in zip(places, values, strict=True):
            key = found.among.keys[at]
            tiles.append(others.tile(key))
            words.append(f"{value:.2f} {_caption(key, found.among.labels, at)}")
        titles = ["Picture", *[f"{rank}." for rank in range(1, len(tiles))]]
        lines.append(GridLine(tiles, words, () if lines else titles))
    return lines


class _Pictures:
    """Pictures by name, as tiles."""

    def __init__(self, place: str) -> None:
        if not place:
            raise MaskwrightError("The file of features does not say where its pictures are.")
        self._source: Source = open_source(place)
        keys = (self._source.key(index) for index in range(len(self._source)))
        self._rows = {key: index for index, key in enumerate(keys)}

    def tile(self, key: str) -> np.ndarray:
        """One picture; raises MaskwrightError where it is not there."""
        if key not in self._rows:
            raise MaskwrightError(f"There is no picture '{key}'.")
        pixels = self._source.read(self._rows[key], DecodeOptions(channels=3))
        picture = torch.from_numpy(np.array(pixels)).permute(2, 0, 1)  # (h, w, C) -> (C, h, w)
        return to_tile(to_model_size(picture, (TILE, TILE)).float() / 255)


def _caption(key: str, labels: Sequence[str] | None, row: int) -> str:
    label = f" ({labels[row]})" if labels and labels[row] else ""
    return f"{PurePosixPath(key).name}{label}"
