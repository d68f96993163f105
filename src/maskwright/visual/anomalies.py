"""A sheet of the most anomalous pictures with a heat map for each score."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from torch import Tensor

from maskwright.visual.error_map import color_map
from maskwright.visual.picture_grid import GridLine, Note, picture_grid
from maskwright.visual.tiles import to_tile


@dataclass(frozen=True)
class AnomalyExample:
    """A picture with its heat maps.

    image: (C, H, W) in [0, 1].
    maps: (H, W) of each score.
    captions: under the picture, and under each map.
    """

    image: Tensor
    maps: Mapping[str, Tensor]
    captions: Sequence[str]


def anomaly_sheet(
    examples: Sequence[AnomalyExample], tops: Mapping[str, float], notes: Sequence[str], title: str
) -> np.ndarray:
    """Draw pictures beside their heat maps.

    tops: the value of each score's map that is light yellow.
    """
    titles = ["Picture", *(f"{name[0].upper()}{name[1:]}" for name in tops)]
    # Two pictures on a line while they fit.
    beside = 2 if len(examples) > 1 and len(titles) * 2 * examples[0].image.shape[-1] < 1200 else 1
    lines: list[GridLine] = []
    for start in range(0, len(examples), beside):
        tiles, words = [], []
        for example in examples[start : start + beside]:
            heat = [to_tile(color_map(example.maps[name], top)) for name, top in tops.items()]
            tiles += [to_tile(example.image), *heat]
            words += list(example.captions)
        missing = beside * len(titles) - len(tiles)
        heading = () if lines else titles * beside
        lines.append(GridLine(tiles + [None] * missing, words + [""] * missing, heading))
    return picture_grid(lines, [Note(note) for note in notes], title)
