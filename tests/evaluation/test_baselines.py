"""Trivial baselines against answers known beforehand."""

import pytest
import torch
from skimage import data

from maskwright.evaluation.baselines import TrivialBaselines, measure_baselines, predict_by_fill
from maskwright.patches import Grid, PixelScale, split
from maskwright.support.seeding import sample_rng
from maskwright.targets.building import read_target

GRAY = PixelScale((0.5,), (0.5,))
COLOR = PixelScale((0.5,) * 3, (0.5,) * 3)


def random_mask(count, grid, num_visible):
    return split(
        torch.zeros(count, grid.num_patches), num_visible, rng=sample_rng(0, 0, torch.arange(count))
    )


def noise(count, channels, grid):
    generator = torch.Generator().manual_seed(0)
    return torch.randint(
        0, 256, (count, channels, *grid.image_size), dtype=torch.uint8, generator=generator
    )


@pytest.mark.parametrize(("channels", "patch_size"), [(1, 2), (3, 4)])
def test_a_flat_patch_costs_p_minus_1_over_p_under_a_normalized_target(channels, patch_size):
    grid = Grid(4, 6, patch_size)
    scale = PixelScale((0.5,) * channels, (0.5,) * channels)
    found = measure_baselines(
        noise(3, channels, grid),
        random_mask(3, grid, 6),
        scale,
        patch_size=patch_size,
        target=read_target("normalized"),
    )
    values = patch_size**2 * channels
    assert found.patch_mean == pytest.approx((values - 1) / values, rel=1e-4)


def test_a_flat_patch_costs_the_variance_inside_patches_under_a_raw_target():
    grid = Grid(2, 2, 2)
    images = torch.tensor([0, 255], dtype=torch.uint8).repeat(2, 1, 4, 2)
    found = measure_baselines(
        images, random_mask(2, grid, 1), GRAY, patch_size=2, target=read_target("raw")
    )
    assert found.patch_mean == pytest.approx(1.0)


def test_one_color_costs_nothing_under_a_raw_target():
    grid = Grid(3, 3, 4)
    images = torch.full((2, 3, 12, 12), 90, dtype=torch.uint8)
    found = measure_baselines(
        images, random_mask(2, grid, 2), COLOR, patch_size=4, target=read_target("raw")
    )
    assert found.patch_mean == pytest.approx(0.0, abs=1e-9)
    assert found.bilinear == pytest.approx(0.0, abs=1e-9)


@pytest.mark.parametrize("target", ["raw", "normalized"])
def test_on_a_photograph_the_fill_beats_flat_patches_when_little_is_hidden(target):
    photo = torch.from_numpy(data.astronaut()[:256, 128:384].copy()).permute(2, 0, 1)[None]
    found = measure_baselines(
        photo,
        random_mask(1, Grid(64, 64, 4), 3072),
        COLOR,
        patch_size=4,
        target=read_target(target),
    )
    assert found.bilinear < found.patch_mean


def test_the_fill_predicts_without_reading_hidden_pixels():
    grid = Grid(4, 4, 4)
    images = torch.rand(2, 3, 16, 16, generator=torch.Generator().manual_seed(0))
    mask = random_mask(2, grid, 4)
    hidden = mask.is_masked.view(2, 1, 4, 4).repeat_interleave(4, 2).repeat_interleave(4, 3)
    changed = torch.where(hidden, 1 - images, images)
    first, second = (
        predict_by_fill(batch, mask, patch_size=4, target=read_target("normalized"))
        for batch in (images, changed)
    )
    assert torch.equal(first.values, second.values)
    assert not torch.equal(first.targets(), second.targets())


def test_a_normalized_fill_has_patches_of_mean_zero_and_deviation_one():
    grid = Grid(4, 4, 4)
    images = torch.rand(2, 3, 16, 16, generator=torch.Generator().manual_seed(0))
    values = predict_by_fill(
        images, random_mask(2, grid, 4), patch_size=4, target=read_target("normalized")
    ).values
    assert values.mean(-1).abs().max() < 1e-4
    assert (values.std(-1) - 1).abs().max() < 0.05


def test_only_predicted_patches_count():
    grid = Grid(4, 4, 2)
    mask = split(torch.zeros(2, 16), 4, 5, rng=sample_rng(0, 0, torch.arange(2)))
    prediction = predict_by_fill(
        torch.rand(2, 1, 8, 8, generator=torch.Generator().manual_seed(0)),
        mask,
        patch_size=2,
        target=read_target("raw"),
    )
    assert prediction.values.shape == (2, 5, 4)
    assert prediction.grid == grid


def test_the_explained_share_is_one_for_no_loss_and_zero_for_flat_patches():
    found = TrivialBaselines(patch_mean=0.8, bilinear=0.6)
    assert found.explained(0.0) == 1.0
    assert found.explained(0.8) == pytest.approx(0.0)
    assert found.explained(1.6) == pytest.approx(-1.0)
