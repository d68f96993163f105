"""Free rectangles: many that are masked (BEiT, I-JEPA), or one that stays visible (CAPI)."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from maskwright.masking.boxes import draw_boxes, draw_log_uniform
from maskwright.masking.policy import Scene, Traits
from maskwright.patches.grid import Grid
from maskwright.support.checks import check_count, check_flag, check_range
from maskwright.support.errors import MaskwrightError

MOST_RECTANGLES = 24  # almost always enough at usual ratios; chance fills what they leave open
EXTRA_BLOCKS = 12  # behind the blocks that were asked for, until the count is reached


@dataclass(frozen=True, kw_only=True)
class RectanglesPolicy:
    """Paint rectangles over each other until exactly enough is masked (BEiT, Bao et al. 2022).

    The last rectangle needed is masked in part, its patches chosen by chance; so are patches that
    24 rectangles leave open.

    Formula: score[i] = -(number of the first rectangle that covers i)
    Source: Bao et al. 2022 (BEiT).

    min_area: patches of the smallest rectangle; a rectangle's area is uniform between this and what
        the earlier ones leave to be masked.
    aspect: range of height / width, log-uniform.
    roll: rectangles may go on at the opposite border, which masks every position equally often;
        without it the center is masked far more often than the border, as in BEiT.
    """

    min_area: int = 4
    aspect: tuple[float, float] = (0.3, 1 / 0.3)
    roll: bool = False

    def __post_init__(self) -> None:
        check_count("min_area", self.min_area, owner="Policy 'rectangles'")
        check_flag("roll", self.roll, owner="Policy 'rectangles'")
        aspect = check_range("aspect", self.aspect, owner="Policy 'rectangles'")
        object.__setattr__(self, "aspect", aspect)

    @property
    def traits(self) -> Traits:
        return Traits(uniform=self.roll, nested=False)

    def check_grid(self, grid: Grid, num_masked: int) -> None:
        if self.min_area > num_masked:
            raise MaskwrightError(
                f"Policy 'rectangles(min_area={self.min_area})' on a {grid.rows}x{grid.cols} grid"
                f" masks {num_masked} patches: use min_area of at most {num_masked}."
            )

    def score(self, scene: Scene) -> Tensor:
        chance = scene.rng.uniform(MOST_RECTANGLES, 4)
        share = chance[..., 0]
        # What earlier rectangles leave to be masked, as the average with overlaps. It spares
        # counting patches one rectangle at a time.
        drawn_before = share.cumsum(1) - share
        remaining = scene.num_masked / (1 + 2 * drawn_before)
        spare = (remaining - self.min_area).clamp(min=0)
        area = self.min_area + share * spare  # (B, R)
        boxes = draw_boxes(area, self.aspect, chance[..., 1:], scene.grid, self.roll)
        covers = boxes.cover(scene.grid)  # (B, R, N)
        return _paint(covers)


@dataclass(frozen=True, kw_only=True)
class MultiblockPolicy:
    """Mask several blocks and all that lies outside one large context block (I-JEPA).

    Masked first are the blocks in turn, then what is outside the context, then further blocks of
    the same kind until the count is reached. Unlike the reference code of Assran et al. 2023, the
    last row and column count, scale and aspect are independent, and no image looks at its batch.

    Formula: order = blocks in turn, then outside the context, then further blocks
    Source: Assran et al. 2023 (I-JEPA).

    blocks: how many.
    scale: range of a block's share of the grid.
    aspect: range of height / width.
    context: range of the context block's share.
    roll: blocks may go on at the opposite border, which masks every position equally often.
    """

    blocks: int = 4
    scale: tuple[float, float] = (0.15, 0.2)
    aspect: tuple[float, float] = (0.75, 1.5)
    context: tuple[float, float] = (0.85, 1.0)
    roll: bool = False

    def __post_init__(self) -> None:
        owner = "Policy 'multiblock'"
        check_count("blocks", self.blocks, owner=owner)
        check_flag("roll", self.roll, owner=owner)
        scale = check_range("scale", self.scale, most=1, owner=owner)
        aspect = check_range("aspect", self.aspect, owner=owner)
        context = check_range("context", self.context, most=1, owner=owner)
        object.__setattr__(self, "scale", scale)
        object.__setattr__(self, "aspect", aspect)
        object.__setattr__(self, "context", context)

    @property
    def traits(self) -> Traits:
        return Traits(uniform=self.roll)

    def score(self, scene: Scene) -> Tensor:
        # (B, R, N) layers, what is masked first in front
        targets = self._targets(scene)
        outside = ~self._context(scene)
        asked = targets[:, : self.blocks]
        further = targets[:, self.blocks :]
        layers = torch.cat([asked, outside, further], dim=1)
        return _paint(layers)

    def _targets(self, scene: Scene) -> Tensor:
        """(B, blocks + extra ones, N) booleans of the blocks."""
        chance = scene.rng.fork("targets").uniform(self.blocks + EXTRA_BLOCKS, 4)
        return self._cover(scene, chance, self.scale, self.aspect)

    def _context(self, scene: Scene) -> Tensor:
        """(B, 1, N) booleans of the context block, a square one."""
        chance = scene.rng.fork("context").uniform(1, 4)
        return self._cover(scene, chance, self.context, (1.0, 1.0))

    def _cover(
        self,
        scene: Scene,
        chance: Tensor,
        scale: tuple[float, float],
        aspect: tuple[float, float],
    ) -> Tensor:
        """(B, R, N) patches inside rectangles; chance is (B, R, 4) uniform in [0, 1)."""
        least, most = scale
        share = least + (most - least) * chance[..., 0]
        area = share * scene.grid.num_patches
        boxes = draw_boxes(area, aspect, chance[..., 1:], scene.grid, self.roll)
        return boxes.cover(scene.grid)


@dataclass(frozen=True, kw_only=True)
class InverseBlockPolicy:
    """Leave one rectangle visible and mask everything else (CAPI, Darcet et al. 2025).

    Where no rectangle has exactly the visible count, the last column of a slightly larger one is
    visible in part.

    Formula: score[i] = 1 outside of the rectangle, 0 inside
    Source: Darcet et al. 2025 (CAPI).

    aspect: range of height / width, drawn log-uniformly.
    roll: the rectangle may go on at the opposite border, which masks every position equally often;
        without it the border is masked far more often than the center.
    """

    aspect: tuple[float, float] = (0.5, 2.0)
    roll: bool = True

    def __post_init__(self) -> None:
        check_flag("roll", self.roll, owner="Policy 'inverse_block'")
        aspect = check_range("aspect", self.aspect, owner="Policy 'inverse_block'")
        object.__setattr__(self, "aspect", aspect)

    @property
    def traits(self) -> Traits:
        return Traits(uniform=self.roll, nested=False)

    def score(self, scene: Scene) -> Tensor:
        grid = scene.grid
        visible = grid.num_patches - scene.num_masked
        chance = scene.rng.uniform(5)

        # the smallest rectangle of about this shape that holds the visible patches
        shape = draw_log_uniform(chance[:, 0], *self.aspect)
        height = torch.sqrt(visible * shape).round()
        # as wide as the grid it has the least height
        least = math.ceil(visible / grid.cols)
        most = min(grid.rows, visible)
        height = height.clamp(min=least, max=most)  # (B,)
        width = torch.ceil(visible / height)

        # (B, rows) and (B, cols): how far each row and column is from the rectangle's start
        down = _offsets(grid.rows, height, chance[:, 1], self.roll)
        right = _offsets(grid.cols, width, chance[:, 2], self.roll)
        inside_rows = down < height[:, None]
        inside_cols = right < width[:, None]
        inside = inside_rows[:, :, None] & inside_cols[:, None, :]  # (B, rows, cols)

        # the partial column lies at either end by chance
        keeps_down = chance[:, 3:4] < 0.5
        keeps_right = chance[:, 4:5] < 0.5
        down = torch.where(keeps_down, down, height[:, None] - 1 - down)
        right = torch.where(keeps_right, right, width[:, None] - 1 - right)
        # number the patches along the columns of the rectangle; the first `visible` are shown
        turn = right[:, None, :] * height[:, None, None] + down[:, :, None]
        is_visible = inside & (turn < visible)  # (B, rows, cols)
        return -is_visible.flatten(1).float()


def _paint(layers_BRN: Tensor) -> Tensor:
    """(B, N) scores from (B, R, N) covers: R for the first layer, 0 for a patch in none.

    A patch scores by the first layer that covers it.
    """
    count = layers_BRN.shape[1]
    worth = torch.arange(count, 0, -1, device=layers_BRN.device, dtype=torch.float32)
    worth_BRN = layers_BRN * worth[:, None]
    return worth_BRN.amax(1)


def _offsets(
    side: int,
    length: Tensor,
    chance: Tensor,
    roll: bool,
) -> Tensor:
    """(B, side) distance of each coordinate from a random start, going round at the border.

    The start leaves room for `length`, or is any coordinate when rolled.
    """
    num_starts = side if roll else side - length + 1
    start = torch.floor(chance * num_starts)  # (B,)
    along = torch.arange(side, device=chance.device)
    return (along - start[:, None]) % side
