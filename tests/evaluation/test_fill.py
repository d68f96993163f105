"""The smooth fill: visible pixels only, ramps come back, nothing rings."""

import pytest
import torch
from skimage import data

from maskwright.evaluation.fill import fill_hidden, hidden_pixels
from maskwright.patches import Grid, PatchMask, split
from maskwright.support.seeding import sample_rng


def random_mask(count, grid, num_visible):
    return split(
        torch.zeros(count, grid.num_patches), num_visible, rng=sample_rng(0, 0, torch.arange(count))
    )


def test_hidden_pixels_are_those_of_masked_patches():
    grid = Grid(1, 3, 2)
    mask = PatchMask.from_is_masked(torch.tensor([[True, False, True]]))
    assert hidden_pixels(mask, grid).tolist() == [[[[True, True, False, False, True, True]] * 2]]


@pytest.mark.parametrize("grid", [Grid(4, 4, 4), Grid(3, 5, 4), Grid(7, 2, 3)])
def test_hidden_pixels_are_never_read(grid):
    images = torch.rand(3, 2, *grid.image_size, generator=torch.Generator().manual_seed(0))
    mask = random_mask(3, grid, 4)
    spoiled = torch.where(hidden_pixels(mask, grid), torch.nan, images)
    filled = fill_hidden(images, mask, grid)
    assert filled.isfinite().all()
    assert torch.equal(filled, fill_hidden(spoiled, mask, grid))


def test_visible_pixels_stay_as_they_are():
    grid = Grid(4, 4, 4)
    images = torch.rand(2, 3, 16, 16, generator=torch.Generator().manual_seed(0))
    mask = random_mask(2, grid, 5)
    unchanged = fill_hidden(images, mask, grid) == images
    assert unchanged[~hidden_pixels(mask, grid).expand_as(images)].all()
    assert not unchanged.all()


def test_an_image_of_one_color_comes_back():
    grid = Grid(5, 4, 3)
    images = torch.full((2, 3, *grid.image_size), 0.37)
    assert torch.allclose(fill_hidden(images, random_mask(2, grid, 1), grid), images, atol=1e-6)


def test_a_ramp_between_visible_patches_comes_back():
    grid = Grid(4, 4, 8)
    ramp = torch.linspace(0, 1, 32).expand(1, 1, 32, 32) + 0.5 * torch.linspace(0, 1, 32)[:, None]
    inside = torch.zeros(1, 4, 4, dtype=torch.bool)
    inside[:, 1:3, 1:3] = True
    mask = PatchMask.from_is_masked(inside.flatten(1))
    assert (fill_hidden(ramp, mask, grid) - ramp).abs().max() < 0.01


def test_a_ramp_under_a_random_mask_is_nearly_found():
    grid = Grid(8, 8, 4)
    ramp = torch.linspace(0, 1, 32).expand(4, 1, 32, 32)
    mask = random_mask(4, grid, 32)
    hidden = hidden_pixels(mask, grid)
    error = (fill_hidden(ramp, mask, grid) - ramp)[hidden].square().mean()
    assert error < 0.02 * ramp.var()


def test_a_fill_stays_within_the_range_of_the_visible_pixels():
    grid = Grid(4, 4, 8)
    images = torch.rand(4, 1, 32, 32, generator=torch.Generator().manual_seed(0))
    filled = fill_hidden(images, random_mask(4, grid, 4), grid)
    assert filled.min() > -0.05
    assert filled.max() < 1.05


def test_on_a_photograph_it_beats_the_mean_of_the_visible_pixels():
    photo = (
        torch.from_numpy(data.astronaut()[:128, 160:288].copy()).permute(2, 0, 1)[None].float()
        / 255
    )
    grid = Grid(16, 16, 8)
    mask = random_mask(1, grid, 64)
    hidden = hidden_pixels(mask, grid).expand_as(photo)
    guess = photo[~hidden].mean()
    smooth = (fill_hidden(photo, mask, grid) - photo)[hidden].square().mean()
    assert smooth < 0.5 * (guess - photo)[hidden].square().mean()


def test_each_image_is_filled_as_if_it_were_alone():
    grid = Grid(4, 4, 4)
    images = torch.rand(3, 1, 16, 16, generator=torch.Generator().manual_seed(0))
    mask = random_mask(3, grid, 4)
    alone = PatchMask(mask.visible_ids[1:2], mask.masked_ids[1:2], mask.predicted_ids[1:2])
    assert torch.allclose(
        fill_hidden(images, mask, grid)[1:2], fill_hidden(images[1:2], alone, grid), atol=1e-6
    )
