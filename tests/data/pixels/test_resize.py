"""Shrinking: the right size, as Pillow does it, and colors that transparent pixels do not touch."""

import warnings

import numpy as np
import pytest
import skimage.data
from PIL import Image

from maskwright.data.pixels.resize import resize_pixels, shrink_pixels

PHOTO = skimage.data.astronaut()  # (512, 512, 3)


def pillow(pixels, size):
    return np.asarray(Image.fromarray(pixels).resize(size[::-1], Image.Resampling.BICUBIC))


@pytest.mark.parametrize("size", [(341, 256), (96, 96), (32, 40), (7, 3)])
def test_colors_are_those_of_pillow_to_one_level(size):
    ours = resize_pixels(PHOTO, size)
    assert ours.shape == (*size, 3)
    assert ours.dtype == np.uint8
    difference = np.abs(ours.astype(int) - pillow(PHOTO, size))
    assert difference.max() <= 1
    assert (difference > 0).mean() < 0.02


@pytest.mark.parametrize("channels", [1, 2, 5])
def test_any_number_of_channels_is_resized_each_by_itself(channels):
    bands = np.stack([np.roll(PHOTO[:, :, 0], 40 * at, axis=0) for at in range(channels)], axis=2)
    size = (300, 400)  # so near that Pillow takes no first reduction
    ours = resize_pixels(bands, size)
    for at in range(channels):
        difference = ours[:, :, at].astype(int) - pillow(bands[:, :, at].copy(), size)
        assert np.abs(difference).max() <= 1


def test_the_short_side_is_what_was_asked_and_the_aspect_stays():
    wide = PHOTO[:128]  # (128, 512, 3)
    assert shrink_pixels(wide, 32).shape == (32, 128, 3)
    assert shrink_pixels(wide.transpose(1, 0, 2), 32).shape == (128, 32, 3)
    assert shrink_pixels(PHOTO[:2, :], 1).shape == (1, 256, 3)


@pytest.mark.parametrize("short_side", [None, 128, 500])
def test_small_pictures_stay_as_they_are(short_side):
    small = PHOTO[:128]
    assert shrink_pixels(small, short_side) is small


def test_hidden_colors_behind_transparent_pixels_do_not_bleed():
    picture = np.zeros((64, 64, 4), np.uint8)
    picture[:, :32] = (200, 10, 10, 255)  # red, seen
    picture[:, 32:] = (0, 255, 0, 0)  # green, not seen
    small = shrink_pixels(picture, 8, is_alpha_last=True)
    seen = small[small[:, :, 3] > 128]
    assert seen[:, 1].max() <= 12
    # Taken as four bands of a satellite picture, they do mix.
    bands = shrink_pixels(picture, 8)
    assert bands[bands[:, :, 3] > 128][:, 1].max() > 12


def test_read_only_pixels_are_taken_without_a_warning():
    frozen = PHOTO.copy()
    frozen.flags.writeable = False
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert np.array_equal(resize_pixels(frozen, (50, 50)), resize_pixels(PHOTO, (50, 50)))
