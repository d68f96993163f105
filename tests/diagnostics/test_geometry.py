"""Mask geometry agrees with plain loops and with shapes whose numbers are known."""

from __future__ import annotations

import math

import pytest
import torch

from maskwright.diagnostics.geometry import measure_geometry
from maskwright.patches.grid import Grid
from maskwright.support.errors import MaskwrightError


def measure_one_by_one(mask: torch.Tensor) -> tuple[float, float, int]:
    """Slow reference for one (rows, cols) mask: summed distance, boundary pairs, visible islands by
    flood fill.
    """
    rows, cols = mask.shape
    places = [(r, c) for r in range(rows) for c in range(cols)]
    visible = {place for place in places if not mask[place]}
    distance = sum(
        min(math.dist(place, other) for other in visible)
        for place in places
        if place not in visible
    )
    pairs = [((r, c), (r + 1, c)) for r, c in places if r + 1 < rows] + [
        ((r, c), (r, c + 1)) for r, c in places if c + 1 < cols
    ]
    boundary = sum(bool(mask[a]) != bool(mask[b]) for a, b in pairs) / len(pairs)
    islands, open_places = 0, set(visible)
    while open_places:
        islands += 1
        front = [open_places.pop()]
        while front:
            r, c = front.pop()
            for near in ((r + 1, c), (r - 1, c), (r, c + 1), (r, c - 1)):
                if near in open_places:
                    open_places.remove(near)
                    front.append(near)
    return distance, boundary, islands


@pytest.mark.parametrize("grid", [Grid(5, 7), Grid(1, 12)])
def test_numbers_agree_with_the_slow_reference(grid) -> None:
    masks = torch.rand(12, grid.num_patches, generator=torch.Generator().manual_seed(0)) < 0.7
    masks[:, 0], masks[:, -1] = False, True
    slow = [measure_one_by_one(mask.reshape(grid.rows, grid.cols)) for mask in masks]
    shape = measure_geometry(masks, grid)
    assert shape.distance == pytest.approx(sum(one[0] for one in slow) / int(masks.sum()))
    assert shape.boundary == pytest.approx(sum(one[1] for one in slow) / 12)
    assert shape.islands == pytest.approx(sum(one[2] for one in slow) / 12)


def test_a_global_grid_has_its_known_numbers() -> None:
    mask = torch.ones(8, 8, dtype=torch.bool)
    mask[::2, ::2] = False
    shape = measure_geometry(mask.reshape(1, -1), Grid(8, 8))
    assert (shape.ratio, shape.boundary, shape.islands) == (0.75, 0.5, 16)
    assert shape.distance == pytest.approx((1 + 1 + math.sqrt(2)) / 3)


def test_edge_and_center_are_the_ring_and_the_middle_half() -> None:
    mask = torch.zeros(8, 8, dtype=torch.bool)
    mask[2:6, 2:6] = True
    shape = measure_geometry(mask.reshape(1, -1), Grid(8, 8))
    assert (shape.edge, shape.center) == (0.0, 1.0)
    assert shape.share_masked.tolist() == mask.double().tolist()


def test_islands_do_not_join_across_images_or_corners() -> None:
    mask = torch.tensor([[0, 1, 1, 0], [0, 1, 1, 1]], dtype=torch.bool)
    assert measure_geometry(mask, Grid(2, 2)).islands == 1.5


def test_a_geometry_yields_names_and_values() -> None:
    shape = measure_geometry(torch.tensor([[0, 1, 1, 0]], dtype=torch.bool), Grid(2, 2))
    assert dict(shape) == shape.numbers()
    assert set(shape.numbers()) == {"ratio", "edge", "center", "distance", "boundary", "islands"}


@pytest.mark.parametrize(
    ("masks", "fragment"),
    [(torch.ones(1, 4), "at least one visible"), (torch.zeros(1, 5), "got \\(1, 5\\)")],
)
def test_masks_that_cannot_be_measured_are_refused(masks, fragment) -> None:
    with pytest.raises(MaskwrightError, match=fragment):
        measure_geometry(masks.bool(), Grid(2, 2))
