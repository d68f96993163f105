"""The rollout sheet: pictures under heat maps of what an encoder gathers as patches vanish."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import matplotlib
import numpy as np
from PIL import Image, ImageDraw
from torch import Tensor

from maskwright.patches.grid import Grid
from maskwright.patches.pixels import fill_patches
from maskwright.support.errors import MaskwrightError
from maskwright.visual.picture_grid import GridLine, Note, picture_grid
from maskwright.visual.tiles import to_tile

_COLORS = "inferno"
# How much of a tile is the map; the rest is its picture in gray.
_SHARE_OF_MAP = 0.65
# Bright cyan, which the map's colors from black to yellow do not have.
_MARK_COLOR = (0, 220, 255)
_TITLE = "Attention rollout as patches vanish"


@dataclass(frozen=True)
class RolloutStage:
    """One picture at one share of patches taken away.

    title: the share.
    heat: (N,), clipped to [0, 1] as it is drawn.
    is_seen: (N,) booleans.
    caption: stands below the tile.
    center: (row, col) of the map in [0, 1], where it is to be marked.
    """

    title: str
    heat: Tensor
    is_seen: Tensor
    caption: str
    center: tuple[float, float] | None = None


@dataclass(frozen=True)
class RolloutLine:
    """One picture as one encoder sees it, from whole to little.

    subject: the name of the encoder.
    image: (C, H, W) uint8.
    grid: its patches.
    stages: in the order of the columns.
    """

    subject: str
    image: Tensor
    grid: Grid
    stages: tuple[RolloutStage, ...]


def rollout_sheet(lines: Sequence[RolloutLine], notes: Sequence[str] = ()) -> np.ndarray:
    """Draw a line for each picture and encoder: picture, map, maps under occlusion.

    A ring marks the center of mass, a line leads to it from that of the whole picture.
    Returns (H, W, 3) uint8. Raises MaskwrightError when no encoder has attention.
    """
    if not lines:
        raise MaskwrightError(
            "There is no attention to draw: raw pixels have none; give a run or checkpoint."
        )
    legend = (
        "Colors: a patch's share over an even share of all patches seen, from half (dark) to twice"
        " (bright). Ring: center of mass; line: the way from that of the whole picture. Even:"
        " evenness; agrees: rank correlation with the map of the whole picture. Entropy lines: how"
        " evenly each patch itself gathers, 1 being evenly from all; dark to bright as said at the"
        " left."
    )
    grid_lines = [_grid_line(line, number == 0) for number, line in enumerate(lines)]
    return picture_grid(grid_lines, [Note(legend), *map(Note, notes)], _TITLE)


def _grid_line(line: RolloutLine, titled: bool) -> GridLine:
    # The first stage is the whole picture, from whose center the others have moved.
    start = line.stages[0].center
    tiles = [to_tile(line.image.float() / 255)]
    tiles += [_tile(line, stage, start) for stage in line.stages]
    captions = [line.subject, *(stage.caption for stage in line.stages)]
    titles = ["picture", *(stage.title for stage in line.stages)]
    return GridLine(tiles, captions, titles if titled else ())


def _tile(line: RolloutLine, stage: RolloutStage, start: tuple[float, float] | None) -> np.ndarray:
    # (N,) -> (H, W), each patch filled with its value.
    is_seen = _to_pixels(stage.is_seen, line.grid)
    heat = _to_pixels(stage.heat.clamp(0, 1), line.grid)
    # The picture with unseen patches hatched, at the size of a tile.
    picture = to_tile(line.image.float() / 255, ~is_seen[None])
    height, width = picture.shape[:2]
    size = (height, width)
    # The fourth channel of a color is its opacity.
    colors = matplotlib.colormaps[_COLORS](_resized(heat, size))[..., :3] * 255
    # Over gray, so that colors are those of the map alone.
    gray = picture.mean(-1, keepdims=True)
    mixed = _SHARE_OF_MAP * colors + (1 - _SHARE_OF_MAP) * gray
    heat_map = mixed.round().astype(np.uint8)
    is_seen_tile = _resized(is_seen.float(), size) > 0.5
    tile = np.where(is_seen_tile[:, :, None], heat_map, picture)
    if stage.center is None or start is None:
        return tile
    return _mark(tile, stage.center, start)


def _to_pixels(values: Tensor, grid: Grid) -> Tensor:
    """(N,) -> (H, W)."""
    return fill_patches(values[None], grid)[0, 0]


def _resized(values: Tensor, size: tuple[int, int]) -> np.ndarray:
    """(H, W) values at the (height, width) of a tile; repeated, never averaged."""
    height, width = size
    picture = Image.fromarray(values.cpu().numpy().astype(np.float32))
    resized = picture.resize((width, height), Image.Resampling.NEAREST)
    return np.asarray(resized)


def _mark(tile: np.ndarray, center: tuple[float, float], start: tuple[float, float]) -> np.ndarray:
    """Ring the center and draw the way to it from the start."""
    picture = Image.fromarray(tile)
    draw = ImageDraw.Draw(picture)
    height, width = tile.shape[:2]
    # From (row, col) in [0, 1] to pixels.
    y, x = center[0] * height, center[1] * width
    start_y, start_x = start[0] * height, start[1] * width
    draw.line((start_x, start_y, x, y), fill=_MARK_COLOR, width=2)
    # A black ring under the bright one keeps it visible on bright patches.
    for radius, color, thickness in ((7, (0, 0, 0), 4), (6, _MARK_COLOR, 2)):
        box = (x - radius, y - radius, x + radius, y + radius)
        draw.ellipse(box, outline=color, width=thickness)
    return np.asarray(picture)
