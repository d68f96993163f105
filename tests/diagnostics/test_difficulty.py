"""Copying the nearest visible patch agrees with plain loops and orders policies as their masks'
shapes do.
"""

from __future__ import annotations

import math

import pytest
import torch

from maskwright.diagnostics.difficulty import copy_nearest, measure_difficulty
from maskwright.masking.catalog import build_policy
from maskwright.masking.policy import Scene, mask_scene
from maskwright.patches.grid import Grid
from maskwright.patches.mask import PatchMask
from maskwright.support.seeding import sample_rng, torch_generator
from tests.conftest import draw_pictures

GRID = Grid(8, 8, 4)


def pictures(count: int) -> torch.Tensor:
    return torch.from_numpy(draw_pictures(count, side=32)).permute(0, 3, 1, 2)


def draw(policy: str, count: int) -> PatchMask:
    scene = Scene(GRID, num_masked=48, rng=sample_rng(0, 0, torch.arange(count)))
    return mask_scene(build_policy(policy), scene)


def copy_one_by_one(patches: torch.Tensor, is_masked: list[bool], grid: Grid) -> list[float]:
    """Slow reference for one picture: the mean error over all equally near visible patches."""
    places = [divmod(number, grid.cols) for number in range(grid.num_patches)]
    seen = [number for number in range(grid.num_patches) if not is_masked[number]]
    costs = []
    for number, place in enumerate(places):
        least = min(math.dist(place, places[other]) for other in seen)
        near = [other for other in seen if math.dist(place, places[other]) == least]
        costs.append(
            sum(float((patches[number] - patches[other]).square().mean()) for other in near)
            / len(near)
        )
    return costs


def test_copying_agrees_with_the_slow_reference():
    grid = Grid(3, 5, 2)
    patches = torch.rand(4, 15, 12, generator=torch_generator(0))
    is_masked = torch.rand(4, 15, generator=torch_generator(1)) < 0.7
    is_masked[:, 4] = False
    errors, distances = copy_nearest(patches, is_masked, grid)
    slow = [
        copy_one_by_one(one, flags.tolist(), grid)
        for one, flags in zip(patches, is_masked, strict=True)
    ]
    torch.testing.assert_close(errors, torch.tensor(slow), atol=1e-6, rtol=1e-5)
    assert bool((distances[is_masked] >= 1).all())
    assert bool((distances[~is_masked] == 0).all())


def test_unrelated_patches_cost_twice_the_mean_color():
    noise = torch.rand(200, 3, 32, 32, generator=torch_generator(2))
    assert measure_difficulty(noise, draw("random", 200), GRID).copy_error.value == pytest.approx(
        2.0, abs=0.02
    )


def test_a_copy_costs_more_the_farther_it_comes_from():
    images = pictures(200)
    found = measure_difficulty(images, draw("random", 200), GRID)
    assert (
        found.by_distance[1.0] < found.by_distance[round(math.sqrt(2), 4)] < found.by_distance[2.0]
    )
    assert found.copy_error.low < found.copy_error.value < found.copy_error.high


def test_policies_are_ordered_from_easy_to_hard():
    images = pictures(300)
    costs = [
        measure_difficulty(images, draw(name, 300), GRID).copy_error.value
        for name in ("grid", "random", "block(size=2)", "inverse_block")
    ]
    assert costs == sorted(costs)


def test_flat_pictures_have_no_difficulty():
    found = measure_difficulty(torch.zeros(2, 3, 32, 32), draw("random", 2), GRID)
    assert math.isnan(found.copy_error.value)
    assert found.by_distance == {}
