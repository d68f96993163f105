"""Filters remove what they say and nothing else."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy import ndimage

from maskwright.diagnostics.filters import (
    blur,
    keep_high,
    keep_low,
    match_contrast,
    radial_frequency,
    to_bytes,
)

SIZES = [(32, 32), (24, 36), (17, 9)]


def noise(height: int, width: int) -> torch.Tensor:
    return torch.randint(
        0, 256, (2, 3, height, width), generator=torch.Generator().manual_seed(0)
    ).float()


def power(images: torch.Tensor) -> torch.Tensor:
    return torch.fft.rfft2(images).abs().square().sum((0, 1))


@pytest.mark.parametrize("size", SIZES)
def test_low_pass_leaves_no_power_above_the_cutoff_and_all_below(size: tuple[int, int]) -> None:
    images, radius = noise(*size), radial_frequency(*size)
    before, after = power(images), power(keep_low(images, 3))
    assert after[radius > 3].max() < 1e-6 * before[radius > 3].min()
    torch.testing.assert_close(after[radius <= 3], before[radius <= 3], rtol=1e-3, atol=1.0)


@pytest.mark.parametrize("size", SIZES)
def test_high_pass_keeps_the_mean_and_no_other_power_up_to_the_cutoff(
    size: tuple[int, int],
) -> None:
    images, radius = noise(*size), radial_frequency(*size)
    filtered = keep_high(images, 3)
    torch.testing.assert_close(filtered.mean((2, 3)), images.mean((2, 3)), rtol=1e-5, atol=1e-3)
    gone = (radius <= 3) & (radius > 0)
    assert power(filtered)[gone].max() < 1e-6 * power(images)[gone].min()


def test_low_and_high_pass_at_one_cutoff_add_up_to_the_picture_and_its_mean() -> None:
    images = noise(20, 20)
    torch.testing.assert_close(
        keep_low(images, 4) + keep_high(images, 4),
        images + images.mean((2, 3), keepdim=True),
        atol=1e-2,
        rtol=0,
    )


def test_frequencies_are_cycles_per_image() -> None:
    waves = torch.cos(2 * torch.pi * 5 * torch.arange(32) / 32).expand(1, 1, 32, 32)
    assert keep_low(waves, 4.9).abs().max() < 1e-5
    torch.testing.assert_close(keep_low(waves, 5), waves, atol=1e-5, rtol=0)


@pytest.mark.parametrize("sigma", [0.5, 1.5, 4, 20])
def test_blur_is_scipys_gaussian_mirrored_at_the_border(sigma: float) -> None:
    images = noise(17, 9)
    reference = ndimage.gaussian_filter(
        images.double().numpy(), sigma, mode="reflect", truncate=4.0, axes=(2, 3)
    )
    np.testing.assert_allclose(blur(images, sigma).numpy(), reference, atol=2e-3)


def test_blur_without_width_changes_nothing() -> None:
    images = noise(8, 8)
    assert torch.equal(blur(images, 0), images)


def test_matched_contrast_gives_each_picture_its_deviation_back() -> None:
    images = noise(16, 16)
    matched = match_contrast(keep_high(images, 6), images)
    centered = (matched - matched.mean((2, 3), keepdim=True)).square().mean((1, 2, 3))
    wanted = (images - images.mean((2, 3), keepdim=True)).square().mean((1, 2, 3))
    torch.testing.assert_close(centered, wanted, rtol=1e-3, atol=0)


def test_bytes_are_rounded_and_clipped() -> None:
    assert to_bytes(torch.tensor([-3.0, 0.6, 254.5, 300.0])).tolist() == [0, 1, 254, 255]
