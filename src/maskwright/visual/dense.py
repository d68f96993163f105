"""Figures of dense tasks: a picture, the truth of every pixel, and what was predicted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import matplotlib
import numpy as np
import torch
from PIL import Image
from torch import Tensor

from maskwright.visual.picture_grid import GridLine, Note, picture_grid
from maskwright.visual.tiles import to_rgb, to_tile

# Below this width of a tile two examples stand on a line.
_NARROW = 200
_SWATCH_HEIGHT = 14
# Colors that stay apart; more classes than these take hues of a wheel.
_FEW_COLORS = "tab20"
_MANY_COLORS = "hsv"
# Numbers from low to high.
_VALUE_COLORS = "viridis"


@dataclass(frozen=True)
class DenseExample:
    """A picture with the truth of every pixel, and what was predicted.

    image: (C, H, W) in [0, 1].
    truth: (h, w) class numbers, where numbers beyond the classes are ignored pixels; or
        measurements, NaN where nothing is known.
    given: (h, w) of the same kind, predicted.
    name: of the picture.
    """

    image: Tensor
    truth: np.ndarray
    given: np.ndarray
    name: str


def segmentation_sheet(
    examples: Sequence[DenseExample],
    classes: Sequence[str],
    iou: Sequence[float | None],
    title: str,
) -> np.ndarray:
    """Draw pictures with truth and prediction, and the color and IoU of each class.

    iou: of each class; None for a class that the test maps do not have.
    """
    colors = class_colors(len(classes))
    triples = []
    for example in examples:
        tile = to_tile(example.image)
        truth, given = (
            _paint(values, colors, tile.shape) for values in (example.truth, example.given)
        )
        triples.append((tile, truth, given, example.name))
    lines, columns = _lines(triples)
    lines += _legend(classes, iou, colors, columns, triples[0][0].shape[1])
    note = Note("Number below a class: its IoU over all test pictures. Hatched: not counted.")
    return picture_grid(lines, [note], title)


def value_sheet(examples: Sequence[DenseExample], title: str) -> np.ndarray:
    """Draw pictures with true and predicted numbers on one scale of colors."""
    known = np.concatenate([example.truth[~np.isnan(example.truth)] for example in examples])
    # Two percent at either end, so that a few far numbers do not make the rest look alike.
    low, high = np.percentile(known, [2, 98]) if len(known) else (0.0, 1.0)
    triples = []
    for example in examples:
        tile = to_tile(example.image)
        truth, given = (
            _color(values, low, high, tile.shape) for values in (example.truth, example.given)
        )
        triples.append((tile, truth, given, example.name))
    lines, _ = _lines(triples)
    note = Note(f"Dark blue {low:.4g} or less, yellow {high:.4g} or more. Hatched: not counted.")
    return picture_grid(lines, [note], title)


def class_colors(count: int) -> np.ndarray:
    """(count, 3) uint8 colors."""
    few = matplotlib.colormaps[_FEW_COLORS]
    if count <= few.N:
        # Strong colors first, then their pale relatives.
        order = [*range(0, few.N, 2), *range(1, few.N, 2)][:count]
        shares = few(order)
    else:
        shares = matplotlib.colormaps[_MANY_COLORS](np.arange(count) / count)
    return np.rint(np.asarray(shares)[:, :3] * 255).astype(np.uint8)


def _paint(values: np.ndarray, colors: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """Classes (h, w) as a tile; what is ignored is hatched."""
    ignored = values >= len(colors)
    painted = colors[np.where(ignored, 0, values)]
    return _fit(painted, ignored, shape)


def _color(values: np.ndarray, low: float, high: float, shape: tuple[int, ...]) -> np.ndarray:
    """Numbers (h, w) as a tile; what is unknown is hatched."""
    unknown = np.isnan(values)
    shares = (np.where(unknown, low, values) - low) / max(high - low, 1e-12)
    painted = matplotlib.colormaps[_VALUE_COLORS](shares.clip(0, 1))[..., :3]
    return _fit(np.rint(painted * 255).astype(np.uint8), unknown, shape)


def _fit(painted: np.ndarray, is_blank: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """A (h, w, 3) picture at the size of a tile, its blank pixels hatched."""
    size = (shape[1], shape[0])
    resized = Image.fromarray(painted).resize(size, Image.Resampling.NEAREST)
    blanks = Image.fromarray(is_blank.astype(np.uint8) * 255).resize(size, Image.Resampling.NEAREST)
    hatched = np.asarray(blanks) > 0
    rows, cols = np.mgrid[: shape[0], : shape[1]]
    # Pale diagonal lines, which no class and no number has.
    blank = np.where(((rows + cols) % 8 == 0)[..., None], 205, 235).astype(np.uint8)
    return np.where(hatched[..., None], blank, np.asarray(resized))


def _lines(
    triples: Sequence[tuple[np.ndarray, np.ndarray, np.ndarray, str]],
) -> tuple[list[GridLine], int]:
    """Lines of one or two examples, and how many columns they have."""
    beside = 2 if triples[0][0].shape[1] <= _NARROW and len(triples) > 1 else 1
    titles = ["Picture", "Truth", "Prediction"] * beside
    lines: list[GridLine] = []
    for start in range(0, len(triples), beside):
        tiles: list[np.ndarray | None] = []
        words: list[str] = []
        for image, truth, given, name in triples[start : start + beside]:
            tiles += [image, truth, given]
            words += [name, "", ""]
        # The last line may have one example where others have two.
        missing = len(titles) - len(tiles)
        lines.append(
            GridLine(tiles + [None] * missing, words + [""] * missing, () if lines else titles)
        )
    return lines, len(titles)


def _legend(
    classes: Sequence[str],
    iou: Sequence[float | None],
    colors: np.ndarray,
    columns: int,
    width: int,
) -> list[GridLine]:
    """Lines of color swatches with the name and the IoU of each class."""
    lines = []
    for start in range(0, len(classes), columns):
        rows = range(start, min(start + columns, len(classes)))
        swatches: list[np.ndarray | None] = []
        for at in rows:
            flat = torch.tensor(colors[at] / 255).float()[:, None, None]
            swatches.append(to_rgb(flat.expand(3, _SWATCH_HEIGHT, width)))
        words = [f"{classes[at]}  {_format(iou[at])}" for at in rows]
        missing = columns - len(rows)
        lines.append(GridLine(swatches + [None] * missing, words + [""] * missing, last=False))
    return lines


def _format(iou: float | None) -> str:
    return "not in the test maps" if iou is None else f"{iou:.2f}"
