"""Aligned blocks: whole square cells of patches are masked together (SimMIM, Pixio)."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from maskwright.masking.lattice import divide
from maskwright.masking.policy import Scene, Traits
from maskwright.patches.grid import Grid
from maskwright.support.checks import check_count, check_flag
from maskwright.support.errors import MaskwrightError


@dataclass(frozen=True, kw_only=True)
class BlockPolicy:
    """Mask square cells in random order (Xie et al. 2022).

    At most one cell of an image is masked in part.

    Formula: score[i] = u(cell of i), u uniform
    Source: Xie et al. 2022 (SimMIM); Yang et al. 2025 (Pixio).

    size: side of a cell in patches.
    shift: also start the lattice of cells at a random place, its cells going on at the opposite
        border. Sides that `size` does not divide are shifted always, see `lattice.divide`.
    """

    size: int = 2
    shift: bool = False

    def __post_init__(self) -> None:
        check_count("size", self.size, owner="Policy 'block'")
        check_flag("shift", self.shift, owner="Policy 'block'")

    @property
    def traits(self) -> Traits:
        return Traits(cell=self.size)

    def check_grid(self, grid: Grid, num_masked: int) -> None:
        """Refuse cells so large that not even one could be wholly masked and one wholly visible."""
        room = min(num_masked, grid.num_patches - num_masked)
        if _cell_area(self.size, grid) > room:
            fits = [size for size in range(1, room + 1) if _cell_area(size, grid) <= room]
            raise MaskwrightError(
                f"Policy 'block(size={self.size})' on a {grid.rows}x{grid.cols} grid with"
                f" {num_masked} masked patches: the largest size is {max(fits)}."
            )

    def score(self, scene: Scene) -> Tensor:
        cells = divide(scene.grid, self.size, scene.rng.fork("lattice"), self.shift)
        # a permutation: two cells can never tie and both be masked in part
        turn = scene.rng.bits(cells.num_cells).argsort(1)  # (B, cells)
        cell_ids = cells.cell_ids.expand(scene.batch_size, -1)  # (B, N)
        return turn.gather(1, cell_ids).float()


def _cell_area(size: int, grid: Grid) -> int:
    """Patches of a cell of that size; a side longer than the grid ends there."""
    return min(size, grid.rows) * min(size, grid.cols)
