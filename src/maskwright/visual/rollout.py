"""The rollout sheet: pictures under heat maps of what an encoder gathers from them, whole and with
patches taken away, centers marked.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import matplotlib
import numpy as np
from PIL import Image, ImageDraw
from torch import Tensor

from maskwright.patches.grid import Grid
from maskwright.support.errors import MaskwrightError
from maskwright.visual.picture_grid import GridLine, Note, picture_grid
from maskwright.visual.tiles import to_tile

_COLORS = "inferno"
_SHARE_OF_MAP = 0.65
_TITLE = "Attention rollout as patches vanish"


@dataclass(frozen=True)
class RolloutStage:
    """One picture at one share taken away: heat (N,), clipped to [0, 1] as it is drawn, which
    patches are seen (N,), and a caption.

    center: (row, col) of the map in [0, 1], where it is to be marked.
    """

    title: str
    heat: Tensor
    is_seen: Tensor
    caption: str
    center: tuple[float, float] | None = None


@dataclass(frozen=True)
class RolloutLine:
    """One (C, H, W) uint8 picture as one encoder sees it, from whole to little."""

    subject: str
    image: Tensor
    grid: Grid
    stages: tuple[RolloutStage, ...]


def rollout_sheet(lines: Sequence[RolloutLine], notes: Sequence[str] = ()) -> np.ndarray:
    """Draw a line for each picture and encoder: picture, map, maps under occlusion; returns (H, W,
    3) uint8.

    A ring marks the center of mass, a line leads to it from that of the whole picture. Raises
    MaskwrightError when no encoder has attention.
    """
    if not lines:
        raise MaskwrightError(
            "There is no attention to draw: raw pixels have none; give a run or checkpoint."
        )
    told = (
        "Colors: a patch's share over an even share of all patches seen, from half (dark) to twice"
        " (bright). Ring: center of mass; line: the way from that of the whole picture. Even:"
        " evenness; agrees: rank correlation with the map of the whole picture. Entropy lines: how"
        " evenly each patch itself gathers, 1 being evenly from all; dark to bright as said at the"
        " left."
    )
    return picture_grid(
        [_grid_line(line, number == 0) for number, line in enumerate(lines)],
        [Note(told), *map(Note, notes)],
        _TITLE,
    )


def _grid_line(line: RolloutLine, titled: bool) -> GridLine:
    start = line.stages[0].center
    tiles = [
        to_tile(line.image.float() / 255),
        *(_tile(line, stage, start) for stage in line.stages),
    ]
    captions = [line.subject, *(stage.caption for stage in line.stages)]
    return GridLine(
        tiles, captions, ["picture", *(stage.title for stage in line.stages)] if titled else ()
    )


def _tile(line: RolloutLine, stage: RolloutStage, start: tuple[float, float] | None) -> np.ndarray:
    side = line.grid.patch_size
    seen = stage.is_seen.reshape(line.grid.rows, line.grid.cols)
    picture = to_tile(line.image.float() / 255, ~_enlarged(seen, side)[None])
    heat = stage.heat.clamp(0, 1).reshape(line.grid.rows, line.grid.cols)
    colors = (
        matplotlib.colormaps[_COLORS](_resized(_enlarged(heat, side), picture.shape[:2]))[..., :3]
        * 255
    )
    gray = picture.mean(-1, keepdims=True)
    mixed = (_SHARE_OF_MAP * colors + (1 - _SHARE_OF_MAP) * gray).round().astype(np.uint8)
    is_seen = _resized(_enlarged(seen, side).float(), picture.shape[:2]) > 0.5
    tile = np.where(is_seen[:, :, None], mixed, picture)
    return tile if stage.center is None or start is None else _mark(tile, stage.center, start)


def _enlarged(values: Tensor, side: int) -> Tensor:
    return values.repeat_interleave(side, 0).repeat_interleave(side, 1)


def _resized(values: Tensor, size: tuple[int, int]) -> np.ndarray:
    picture = Image.fromarray(values.cpu().numpy().astype(np.float32))
    return np.asarray(picture.resize((size[1], size[0]), Image.Resampling.NEAREST))


def _mark(tile: np.ndarray, center: tuple[float, float], start: tuple[float, float]) -> np.ndarray:
    """Ring the center and draw the way to it from the start."""
    picture = Image.fromarray(tile)
    draw = ImageDraw.Draw(picture)
    height, width = tile.shape[:2]
    (y, x), (from_y, from_x) = ((row * height, col * width) for row, col in (center, start))
    draw.line((from_x, from_y, x, y), fill=(0, 220, 255), width=2)
    for radius, color, thick in ((7, (0, 0, 0), 4), (6, (0, 220, 255), 2)):
        draw.ellipse((x - radius, y - radius, x + radius, y + radius), outline=color, width=thick)
    return np.asarray(picture)
