"""The shape of masks: distances, boundaries, islands and the share masked at each position."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields

import numpy as np
from scipy import ndimage
from torch import Tensor

from maskwright.patches.grid import Grid
from maskwright.support.errors import MaskwrightError

# Spacing between the images of a stack, so that distances stay inside one image.
_FAR = 1e6


@dataclass(frozen=True)
class MaskGeometry:
    """Shape of the masks of one policy; lengths are in patches.

    share_masked: (rows, cols) share of masks that hide each position.
    ratio: its mean over all positions.
    edge: its mean over the outermost ring.
    center: its mean over the middle half of rows and columns.
    distance: mean from a masked patch to the nearest visible one, straight.
    boundary: share of 4-neighbor pairs with one masked and one visible.
    islands: mean number of connected visible regions of an image (4 neighbors).
    """

    share_masked: np.ndarray
    ratio: float
    edge: float
    center: float
    distance: float
    boundary: float
    islands: float

    def numbers(self) -> dict[str, float]:
        """The single numbers by name, without the map."""
        names = [item.name for item in fields(self) if item.name != "share_masked"]
        return {name: getattr(self, name) for name in names}

    def __iter__(self) -> Iterator[tuple[str, float]]:
        """Yield (name, value) like every diagnostic."""
        return iter(self.numbers().items())


def measure_geometry(is_masked: Tensor, grid: Grid) -> MaskGeometry:
    """Measure (S, N) masks, True = masked, each with visible and masked patches."""
    if is_masked.ndim != 2 or is_masked.shape[1] != grid.num_patches:
        raise MaskwrightError(
            f"Masks must be (masks, {grid.num_patches}) on a {grid}; got {tuple(is_masked.shape)}."
        )
    # (S, N) -> (S, rows, cols)
    masked = is_masked.bool().cpu().numpy().reshape(-1, grid.rows, grid.cols)
    # Without a visible patch there is no nearest one.
    is_mixed = masked.any((1, 2)) & ~masked.all((1, 2))
    if not is_mixed.all():
        raise MaskwrightError("Every mask needs at least one visible and one masked patch.")
    share = masked.mean(0)
    ring = np.ones(share.shape, bool)
    ring[1:-1, 1:-1] = False
    # All masks at once: SciPy measures the stack as one volume.
    distances = ndimage.distance_transform_edt(masked, sampling=(_FAR, 1, 1))
    middle = share[_middle(grid.rows), _middle(grid.cols)]
    return MaskGeometry(
        share_masked=share,
        ratio=float(share.mean()),
        edge=float(share[ring].mean()),
        center=float(middle.mean()),
        distance=float(distances[masked].mean()),
        boundary=_boundary_share(masked),
        islands=_count_islands(~masked) / len(masked),
    )


def _middle(side: int) -> slice:
    """The middle half of a side, at least one position."""
    quarter = min(side // 4, (side - 1) // 2)
    return slice(quarter, side - quarter)


def _boundary_share(masked: np.ndarray) -> float:
    # (B, rows - 1, cols) and (B, rows, cols - 1): whether a patch and the next one differ
    differs_below = masked[:, 1:] != masked[:, :-1]
    differs_beside = masked[:, :, 1:] != masked[:, :, :-1]
    boundaries = differs_below.sum() + differs_beside.sum()
    # Pairs across the border of the picture do not exist and do not count.
    pairs = differs_below.size + differs_beside.size
    return float(boundaries / pairs)


def _count_islands(visible: np.ndarray) -> int:
    """Number of regions in all images."""
    # Neighbors lie in the same image only: the layers before and after stay empty.
    structure = np.zeros((3, 3, 3), bool)
    structure[1] = ndimage.generate_binary_structure(2, 1)
    _, count = ndimage.label(visible, structure)
    return int(count)
