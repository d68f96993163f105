"""Figures of dense tasks: a picture, the truth of every pixel, and what was predicted."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import matplotlib
import numpy as np
from PIL import Image
from torch import Tensor

from maskwright.visual.picture_grid import GridLine, Note, picture_grid
from maskwright.visual.tiles import to_tile

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
    triples = [_triple(example, lambda values: _paint(values, colors)) for example in examples]
    lines = _lines(triples)
    columns = len(lines[0].tiles)
    swatches = [_swatch(color, triples[0].width) for color in colors]
    lines += _legend(classes, iou, swatches, columns)
    note = Note("Number below a class: its IoU over all test pictures. Hatched: not counted.")
    return picture_grid(lines, [note], title)


def value_sheet(examples: Sequence[DenseExample], title: str) -> np.ndarray:
    """Draw pictures with true and predicted numbers on one scale of colors."""
    known = np.concatenate([example.truth[~np.isnan(example.truth)] for example in examples])
    # Two percent at either end, so that a few far numbers do not make the rest look alike.
    low, high = np.percentile(known, [2, 98]) if len(known) else (0.0, 1.0)
    triples = [_triple(example, lambda values: _color(values, low, high)) for example in examples]
    note = Note(f"Dark blue {low:.4g} or less, yellow {high:.4g} or more. Hatched: not counted.")
    return picture_grid(_lines(triples), [note], title)


def class_colors(count: int) -> np.ndarray:
    """(count, 3) uint8 colors."""
    few = matplotlib.colormaps[_FEW_COLORS]
    if count <= few.N:
        # Strong colors first, then their pale relatives.
        strong = range(0, few.N, 2)
        pale = range(1, few.N, 2)
        order = [*strong, *pale]
        shares = few(order[:count])
    else:
        hues = np.arange(count) / count
        shares = matplotlib.colormaps[_MANY_COLORS](hues)
    return _to_bytes(np.asarray(shares))


@dataclass(frozen=True)
class _Colored:
    """A map in colors.

    pixels: (h, w, 3) uint8.
    is_blank: (h, w) booleans, what is not counted.
    """

    pixels: np.ndarray
    is_blank: np.ndarray


@dataclass(frozen=True)
class _Triple:
    """Three tiles of one size, and the name of their picture."""

    picture: np.ndarray
    truth: np.ndarray
    given: np.ndarray
    name: str

    @property
    def width(self) -> int:
        return self.picture.shape[1]


def _triple(example: DenseExample, color: Callable[[np.ndarray], _Colored]) -> _Triple:
    """The tiles of an example, its maps in colors."""
    tile = to_tile(example.image)
    height, width = tile.shape[:2]
    return _Triple(
        picture=tile,
        truth=_fit(color(example.truth), height, width),
        given=_fit(color(example.given), height, width),
        name=example.name,
    )


def _paint(values: np.ndarray, colors: np.ndarray) -> _Colored:
    """Classes (h, w) in the colors of each."""
    is_ignored = values >= len(colors)
    known = np.where(is_ignored, 0, values)
    return _Colored(colors[known], is_ignored)


def _color(values: np.ndarray, low: float, high: float) -> _Colored:
    """Numbers (h, w) in colors from low to high."""
    is_unknown = np.isnan(values)
    known = np.where(is_unknown, low, values)
    shares = (known - low) / max(high - low, 1e-12)
    colors = matplotlib.colormaps[_VALUE_COLORS](shares.clip(0, 1))
    return _Colored(_to_bytes(colors), is_unknown)


def _to_bytes(colors: np.ndarray) -> np.ndarray:
    """Colors (..., 4) in [0, 1] as (..., 3) uint8, without their opacity."""
    levels = colors[..., :3] * 255
    return np.rint(levels).astype(np.uint8)


def _fit(colored: _Colored, height: int, width: int) -> np.ndarray:
    """A map at the size of a tile, its blank pixels hatched."""
    size = (width, height)
    picture = Image.fromarray(colored.pixels).resize(size, Image.Resampling.NEAREST)
    flags = Image.fromarray(colored.is_blank.astype(np.uint8))
    is_hatched = np.asarray(flags.resize(size, Image.Resampling.NEAREST)) > 0

    # Pale diagonal lines, which no class and no number has.
    rows, cols = np.mgrid[:height, :width]
    is_line = (rows + cols) % 8 == 0
    hatching = np.where(is_line, 205, 235).astype(np.uint8)
    return np.where(is_hatched[..., None], hatching[..., None], np.asarray(picture))


def _lines(triples: Sequence[_Triple]) -> list[GridLine]:
    """Lines of one or two examples."""
    is_narrow = triples[0].width <= _NARROW
    beside = 2 if is_narrow and len(triples) > 1 else 1
    titles = ["Picture", "Truth", "Prediction"] * beside
    lines: list[GridLine] = []
    for start in range(0, len(triples), beside):
        tiles: list[np.ndarray | None] = []
        words: list[str] = []
        for triple in triples[start : start + beside]:
            tiles += [triple.picture, triple.truth, triple.given]
            words += [triple.name, "", ""]
        line = GridLine(tiles, words, () if lines else titles)
        # The last line may have one example where others have two.
        lines.append(line.filled_up(len(titles)))
    return lines


def _swatch(color: np.ndarray, width: int) -> np.ndarray:
    """A strip (h, width, 3) of one color."""
    return np.full((_SWATCH_HEIGHT, width, 3), color, np.uint8)


def _legend(
    classes: Sequence[str],
    iou: Sequence[float | None],
    swatches: Sequence[np.ndarray],
    columns: int,
) -> list[GridLine]:
    """Lines of color swatches with the name and the IoU of each class."""
    words = [f"{name}  {_format(share)}" for name, share in zip(classes, iou, strict=True)]
    lines = []
    for start in range(0, len(classes), columns):
        part = slice(start, start + columns)
        line = GridLine(swatches[part], words[part], last=False)
        lines.append(line.filled_up(columns))
    return lines


def _format(iou: float | None) -> str:
    return "not in the test maps" if iou is None else f"{iou:.2f}"
