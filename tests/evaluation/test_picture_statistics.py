"""Contrast, color and reach of pictures with known answers."""

from __future__ import annotations

import math

import pytest
import torch
from tests.conftest import draw_pictures

from maskwright.evaluation.picture_statistics import contrast, is_gray, reach


def test_contrast_is_that_of_the_channel_that_varies_most() -> None:
    pictures = torch.full((2, 3, 4, 4), 7, dtype=torch.uint8)
    pictures[1, 2, :2] = 107
    assert contrast(pictures).tolist() == pytest.approx([0, 50])


def test_gray_up_to_the_noise_of_compression() -> None:
    gray = torch.randint(10, 240, (1, 1, 8, 8), dtype=torch.uint8).expand(1, 3, 8, 8).clone()
    noisy, color = gray.clone(), gray.clone()
    noisy[0, 0, 0, 0] += 4
    color[0, 0, 0, 0] += 5
    assert is_gray(torch.cat([gray, noisy, color])).tolist() == [True, True, False]


def test_structure_larger_than_a_patch_is_known_a_patch_away() -> None:
    pictures = torch.from_numpy(draw_pictures(40, side=32)).permute(0, 3, 1, 2)
    noise = torch.randint(0, 256, (40, 3, 32, 32), dtype=torch.uint8)
    assert reach(pictures, 4) > 0.5
    assert reach(noise, 4) < 0.1


def test_a_pattern_that_repeats_is_known_at_its_period() -> None:
    stripes = (torch.arange(32) % 6 < 3).byte().mul(200).expand(1, 3, 32, 32)
    # Along the stripes everything is known, across them at 6 pixels.
    assert reach(stripes, 4) > 0.9


def test_too_small_or_empty_pictures_say_nothing() -> None:
    assert math.isnan(reach(torch.randint(0, 256, (2, 3, 16, 16), dtype=torch.uint8), 9))
    assert math.isnan(reach(torch.full((2, 3, 16, 16), 9, dtype=torch.uint8), 4))
