"""Images as tiles: readable sizes, any channels, hatched blanks."""

import numpy as np
import pytest
import torch

from maskwright.visual.tiles import tile_size, to_rgb, to_tile


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ((32, 32), (128, 128)),
        ((96, 96), (192, 192)),
        ((128, 64), (128, 64)),
        ((8, 32), (32, 128)),
        ((640, 320), (320, 160)),
    ],
)
def test_small_tiles_grow_by_whole_factors_and_large_ones_shrink(given, expected):
    assert tile_size(*given) == expected


def test_enlarging_repeats_pixels():
    image = torch.rand(3, 32, 32, generator=torch.Generator().manual_seed(0))
    assert np.array_equal(to_tile(image)[::4, ::4], to_rgb(image))
    assert np.array_equal(to_tile(image)[3::4, 3::4], to_rgb(image))


def test_one_or_two_channels_are_gray_and_more_show_the_first_three():
    image = torch.rand(5, 4, 4, generator=torch.Generator().manual_seed(0))
    gray = to_rgb(image[:2])
    assert np.array_equal(gray[..., 0], gray[..., 2])
    assert np.array_equal(gray, to_rgb(image[:1]))
    assert np.array_equal(to_rgb(image), to_rgb(image[:3]))


def test_values_beyond_the_range_are_clipped():
    assert to_rgb(torch.tensor([-1.0, 2.0]).view(1, 1, 2))[0, :, 0].tolist() == [0, 255]


@pytest.mark.parametrize("side", [32, 640])
def test_blank_pixels_hide_the_image_and_the_rest_shows_it(side):
    image = torch.zeros(3, side, side)
    is_blank = torch.zeros(1, side, side, dtype=torch.bool)
    is_blank[:, :, : side // 2] = True
    tile = to_tile(image, is_blank)
    half = tile.shape[1] // 2
    assert tile[:, :half].min() > 150
    assert tile[:, half:].max() == 0
