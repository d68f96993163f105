"""A sheet of the most anomalous pictures with a heat map for each score."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from torch import Tensor

from maskwright.visual.error_map import color_map
from maskwright.visual.picture_grid import GridLine, Note, picture_grid
from maskwright.visual.tiles import to_tile

# Pixels of pictures beside each other, before they are enlarged.
MOST_WIDTH = 1200


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
    # Not `capitalize`, which would make `MSE` into `Mse`.
    titles = ["Picture"]
    for name in tops:
        titles.append(name[0].upper() + name[1:])
    # Two pictures on a line while they fit.
    width_of_two = 2 * len(titles) * examples[0].image.shape[-1]
    beside = 2 if len(examples) > 1 and width_of_two < MOST_WIDTH else 1
    lines: list[GridLine] = []
    for start in range(0, len(examples), beside):
        tiles: list[np.ndarray | None] = []
        words: list[str] = []
        for example in examples[start : start + beside]:
            tiles.append(to_tile(example.image))
            for name, top in tops.items():
                heat = color_map(example.maps[name], top)
                tiles.append(to_tile(heat))
            words += example.captions
        heading = () if lines else titles * beside
        line = GridLine(tiles, words, heading)
        lines.append(line.filled_up(beside * len(titles)))
    return picture_grid(lines, [Note(note) for note in notes], title)
