"""Colored noise agrees with a plain convolution on the ring and is drawn anew for each image."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from maskwright.masking.noise import BlueNoise, GreenNoise, PurpleNoise, RedNoise, ring_gaussian
from maskwright.masking.policy import check_fits
from maskwright.patches.grid import Grid
from maskwright.support.errors import MaskwrightError
from tests.masking.conftest import build_scene


def smooth_on_ring(noise: list[list[float]], sigma: float) -> list[list[float]]:
    """Slow reference: the Gaussian mean round every patch, over the neighbor grids of an endless
    tiling.
    """
    rows, cols = len(noise), len(noise[0])
    out = [[0.0] * cols for _ in range(rows)]
    for row in range(rows):
        for col in range(cols):
            total = mass = 0.0
            for down in range(-2 * rows, 2 * rows + 1):
                for right in range(-2 * cols, 2 * cols + 1):
                    weight = math.exp(-(down**2 + right**2) / (2 * sigma**2))
                    total += weight * noise[(row + down) % rows][(col + right) % cols]
                    mass += weight
            out[row][col] = total / mass
    return out


def white(grid: Grid) -> Tensor:
    noise = build_scene(grid, 4, 1).rng.normal(grid.rows, grid.cols)[0]
    return noise - noise.mean()


def test_each_color_agrees_with_the_slow_reference() -> None:
    grid = Grid(3, 5)
    plain = white(grid)
    slow = {sigma: torch.tensor(smooth_on_ring(plain.tolist(), sigma)) for sigma in (0.5, 0.8, 1.2)}
    wanted = {
        RedNoise(sigma=1.2): slow[1.2],
        BlueNoise(sigma=0.8): plain - slow[0.8],
        GreenNoise(fine=0.5, coarse=1.2): slow[0.5] - slow[1.2],
        PurpleNoise(fine=0.5, coarse=1.2): plain - slow[0.5] + slow[1.2],
    }
    for policy, field in wanted.items():
        score = policy.score(build_scene(grid, 4, 1))[0].reshape(3, 5)
        torch.testing.assert_close(score, field, rtol=1e-4, atol=1e-4)


def test_the_filter_keeps_a_constant_and_has_no_border() -> None:
    kernel = ring_gaussian(7, 1.5, torch.device("cpu"))
    torch.testing.assert_close(kernel.sum(1), torch.ones(7))
    torch.testing.assert_close(kernel[3], kernel[0].roll(3))


def test_noise_is_drawn_anew_for_each_image() -> None:
    """Not one bank of patterns at one shift for the whole batch."""
    score = RedNoise().score(build_scene(Grid(8, 8), 48, 400))
    between = torch.corrcoef(score)[~torch.eye(400, dtype=torch.bool)]
    assert abs(float(between.mean())) < 0.01


def test_a_wide_red_filter_still_orders_the_patches() -> None:
    score = RedNoise(sigma=4.0).score(build_scene(Grid(8, 8), 48, 100))
    assert min(len(row.unique()) for row in score) > 60


def test_a_filter_wider_than_half_the_grid_is_refused() -> None:
    with pytest.raises(MaskwrightError, match="use at most 4"):
        check_fits(RedNoise(sigma=5), Grid(8, 6), 30)


@pytest.mark.parametrize(
    "build",
    [lambda: RedNoise(sigma=0), lambda: BlueNoise(sigma=0.1), lambda: GreenNoise(fine=2, coarse=2)],
)
def test_a_senseless_width_is_refused(build) -> None:
    with pytest.raises(MaskwrightError, match="needs"):
        build()
