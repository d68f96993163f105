"""Free rectangles: many masked ones (BEiT, I-JEPA) or one that stays visible (CAPI), with exact
counts.
"""

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

MOST_RECTANGLES = 24
EXTRA_BLOCKS = 12


@dataclass(frozen=True, kw_only=True)
class RectanglesPolicy:
    """Paint rectangles over each other until enough is masked (BEiT, Bao et al. 2022), but always
    exactly enough.

    min_area: patches of the smallest rectangle; a rectangle's area is uniform between this and what
        the earlier ones leave to be masked, taken as count / (1 + 2 * sum of their uniform draws):
        the average with overlaps, which spares counting patches one rectangle at a time.
    aspect: range of height / width, log-uniform.
    roll: rectangles may go on at the opposite border, which masks every position equally often;
        without it the center is masked far more often than the border, as in BEiT. The last
        rectangle needed is masked in part, its patches chosen by chance; so are patches that 24
        rectangles leave open.
    """

    min_area: int = 4
    aspect: tuple[float, float] = (0.3, 1 / 0.3)
    roll: bool = False

    def __post_init__(self) -> None:
        check_count("min_area", self.min_area, owner="Policy 'rectangles'")
        object.__setattr__(
            self, "aspect", check_range("aspect", self.aspect, owner="Policy 'rectangles'")
        )
        check_flag("roll", self.roll, owner="Policy 'rectangles'")

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
        left = scene.num_masked / (1 + 2 * (share.cumsum(1) - share))
        area = self.min_area + share * (left - self.min_area).clamp(min=0)
        return _paint(
            draw_boxes(area, self.aspect, chance[..., 1:], scene.grid, self.roll).cover(scene.grid)
        )


@dataclass(frozen=True, kw_only=True)
class MultiblockPolicy:
    """Mask several blocks of similar size and all that lies outside one large context block
    (I-JEPA, Assran et al. 2023).

    blocks: how many.
    scale: range of a block's share of the grid.
    aspect: range of height / width.
    context: range of the context block's share.
    roll: blocks may go on at the opposite border, which masks every position equally often. Masked
        first are the blocks in turn, then what is outside the context, then further blocks of the
        same kind until the count is reached. Unlike the reference code: the last row and column
        count, scale and aspect are independent, no image looks at its batch.
    """

    blocks: int = 4
    scale: tuple[float, float] = (0.15, 0.2)
    aspect: tuple[float, float] = (0.75, 1.5)
    context: tuple[float, float] = (0.85, 1.0)
    roll: bool = False

    def __post_init__(self) -> None:
        check_count("blocks", self.blocks, owner="Policy 'multiblock'")
        check_flag("roll", self.roll, owner="Policy 'multiblock'")
        object.__setattr__(
            self, "scale", check_range("scale", self.scale, most=1, owner="Policy 'multiblock'")
        )
        object.__setattr__(
            self, "aspect", check_range("aspect", self.aspect, owner="Policy 'multiblock'")
        )
        object.__setattr__(
            self,
            "context",
            check_range("context", self.context, most=1, owner="Policy 'multiblock'"),
        )

    @property
    def traits(self) -> Traits:
        return Traits(uniform=self.roll)

    def score(self, scene: Scene) -> Tensor:
        count = self.blocks + EXTRA_BLOCKS
        targets = self._cover(scene, "targets", count, self.scale, self.aspect)
        outside = ~self._cover(scene, "context", 1, self.context, (1.0, 1.0))
        layers = torch.cat([targets[:, : self.blocks], outside, targets[:, self.blocks :]], dim=1)
        return _paint(layers)

    def _cover(
        self,
        scene: Scene,
        name: str,
        count: int,
        scale: tuple[float, float],
        aspect: tuple[float, float],
    ) -> Tensor:
        chance = scene.rng.fork(name).uniform(count, 4)
        area = (scale[0] + (scale[1] - scale[0]) * chance[..., 0]) * scene.grid.num_patches
        return draw_boxes(area, aspect, chance[..., 1:], scene.grid, self.roll).cover(scene.grid)


@dataclass(frozen=True, kw_only=True)
class InverseBlockPolicy:
    """Leave one rectangle visible and mask everything else (CAPI, Darcet et al. 2025).

    aspect: range of height / width, drawn log-uniformly.
    roll: the rectangle may go on at the opposite border, which masks every position equally often;
        without it the border is masked far more often than the center. Where no rectangle has
        exactly the visible count, the last column of a slightly larger one is visible in part.
    """

    aspect: tuple[float, float] = (0.5, 2.0)
    roll: bool = True

    def __post_init__(self) -> None:
        object.__setattr__(
            self, "aspect", check_range("aspect", self.aspect, owner="Policy 'inverse_block'")
        )
        check_flag("roll", self.roll, owner="Policy 'inverse_block'")

    @property
    def traits(self) -> Traits:
        return Traits(uniform=self.roll, nested=False)

    def score(self, scene: Scene) -> Tensor:
        grid, visible = scene.grid, scene.grid.num_patches - scene.num_masked
        chance = scene.rng.uniform(5)
        tall = torch.sqrt(visible * draw_log_uniform(chance[:, 0], *self.aspect)).round()
        height = tall.clamp(min=math.ceil(visible / grid.cols), max=min(grid.rows, visible))
        width = torch.ceil(visible / height)
        down, right = (
            _offsets(grid.rows, height, chance[:, 1], self.roll),
            _offsets(grid.cols, width, chance[:, 2], self.roll),
        )
        inside = (down < height[:, None])[:, :, None] & (right < width[:, None])[:, None, :]
        down = torch.where(
            chance[:, 3:4] < 0.5, down, height[:, None] - 1 - down
        )  # the partial column lies at either end by chance
        right = torch.where(chance[:, 4:5] < 0.5, right, width[:, None] - 1 - right)
        turn = (
            right[:, None, :] * height[:, None, None] + down[:, :, None]
        )  # counts along the columns of the rectangle
        return -(inside & (turn < visible)).flatten(1).float()


def _paint(layers_BRN: Tensor) -> Tensor:
    """(B, N) scores from (B, R, N) covers: a patch scores by the first layer that covers it, R for
    the first and 0 for none.
    """
    worth = torch.arange(layers_BRN.shape[1], 0, -1, device=layers_BRN.device, dtype=torch.float32)
    return (layers_BRN * worth[:, None]).amax(1)


def _offsets(side: int, length: Tensor, chance: Tensor, roll: bool) -> Tensor:
    """(B, side) distance of each place from a start that leaves room for `length`, or from any
    start when rolled.
    """
    start = torch.floor(chance * (side if roll else side - length + 1))
    return (torch.arange(side, device=chance.device) - start[:, None]) % side
