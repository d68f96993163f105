"""HOG against a slow readable count and against answers known beforehand."""

import math

import pytest
import torch
from torch import Tensor

from maskwright.patches import Grid, patchify, unpatchify
from maskwright.patches.target import PatchShape, measure_target
from maskwright.support.errors import MaskwrightError
from maskwright.support.seeding import torch_generator
from maskwright.targets.hog import HogTarget, orientation_counts

GRID = Grid(2, 3, 8)


def all_values(target: HogTarget, images: Tensor, grid: Grid = GRID) -> Tensor:
    ids = torch.arange(grid.num_patches).expand(len(images), -1)
    return measure_target(target, patchify(images, grid.patch_size), grid, ids)


def slow_hog(images: Tensor, grid: Grid, bins: int, cells: int, floor: float) -> Tensor:
    """Pixel by pixel, in the order (row of cells, column of cells, channel, direction)."""
    batch, channels, height, width = images.shape
    side = grid.patch_size // cells
    rows, cols = height // side, width // side
    votes = torch.zeros(batch, channels, rows, cols, bins)
    for y in range(height):
        for x in range(width):
            gx = images[..., y, min(x + 1, width - 1)] - images[..., y, max(x - 1, 0)]
            gy = images[..., min(y + 1, height - 1), x] - images[..., max(y - 1, 0), x]
            place = torch.atan2(gy, gx) % math.pi / math.pi * bins
            share = place - place.floor()
            low = place.floor().long() % bins
            length = (gx**2 + gy**2).sqrt() / side**2
            cell = votes[:, :, y // side, x // side]
            cell.scatter_add_(2, low[..., None], (length * (1 - share))[..., None])
            cell.scatter_add_(2, ((low + 1) % bins)[..., None], (length * share)[..., None])
    votes = votes / (votes.square().sum(-1, keepdim=True) + floor**2).sqrt()
    # (B, C, rows of cells, columns of cells, bins), then by patch
    cut = votes.view(batch, channels, grid.rows, cells, grid.cols, cells, bins)
    return cut.permute(0, 2, 4, 3, 5, 1, 6).reshape(batch, grid.num_patches, -1)


@pytest.mark.parametrize("bins", [9, 4])
@pytest.mark.parametrize("cells", [1, 2, 4])
def test_the_fast_count_is_the_slow_one(bins, cells) -> None:
    images = torch.randn(2, 3, *GRID.image_size, generator=torch_generator(0))
    fast = all_values(HogTarget(bins=bins, cells=cells), images)
    assert torch.allclose(fast, slow_hog(images, GRID, bins, cells, 0.01), atol=1e-5)


@pytest.mark.parametrize(("degrees", "bin"), [(0, 0), (20, 1), (100, 5), (160, 8), (180, 0)])
def test_a_ramp_votes_for_its_own_direction(degrees, bin) -> None:
    angle = torch.full((1, 1, 4), math.radians(degrees))
    counts = orientation_counts(angle.cos(), angle.sin(), 9)[0, 0]
    expected = torch.zeros(9)
    expected[bin] = 1
    assert torch.allclose(counts, expected, atol=1e-5)


def test_histograms_have_length_one_and_flat_cells_none() -> None:
    images = torch.randn(1, 3, *GRID.image_size, generator=torch_generator(0))
    lengths = all_values(HogTarget(), images).unflatten(2, (-1, 9)).norm(dim=-1)
    assert torch.allclose(lengths, torch.ones_like(lengths), atol=1e-3)
    assert all_values(HogTarget(), torch.full_like(images, 0.4)).abs().max() == 0


def test_the_strongest_channel_is_the_one_with_all_the_contrast() -> None:
    images = torch.randn(2, 3, *GRID.image_size, generator=torch_generator(0))
    images[:, [0, 2]] *= 1e-3
    only = all_values(HogTarget(), images[:, 1:2])
    assert torch.allclose(all_values(HogTarget(channels="strongest"), images), only, atol=1e-5)


def test_brighter_pictures_have_the_same_histograms() -> None:
    images = torch.randn(1, 3, *GRID.image_size, generator=torch_generator(0))
    plain, brighter = all_values(HogTarget(), images), all_values(HogTarget(), 2 * images + 0.5)
    assert torch.allclose(plain, brighter, atol=1e-3)


def test_cells_divide_the_patch() -> None:
    assert HogTarget().num_values(PatchShape(16, 3)) == 4 * 3 * 9
    assert HogTarget().num_values(PatchShape(7, 3)) == 3 * 9
    with pytest.raises(MaskwrightError, match="do not divide by 3"):
        HogTarget(cells=3).num_values(PatchShape(16, 3))


def test_hidden_patches_around_a_patch_count_as_they_are() -> None:
    """Gradients cross the borders of patches: the target is of the picture, not of the patch."""
    images = torch.randn(1, 1, *GRID.image_size, generator=torch_generator(0))
    moved = patchify(images, 8).clone()
    moved[:, 1] += 3
    values = all_values(HogTarget(), unpatchify(moved, GRID))
    changed = (values - all_values(HogTarget(), images)).abs().amax(-1)[0] > 1e-4
    assert changed.tolist() == [True, True, True, False, True, False]
