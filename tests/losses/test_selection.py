"""Losses of a selector have the values that can be worked out by hand."""

import math

import pytest
import torch

from maskwright.losses.selection import composite_image, composite_mse, mask_entropy, sparsity
from maskwright.patches import Grid


def test_keeping_a_patch_shows_its_true_pixels_and_half_keeping_mixes():
    keep = torch.tensor([[1.0, 0.0, 0.5]])
    images, made = torch.zeros(1, 1, 2, 6), torch.ones(1, 1, 2, 6)
    composite = composite_image(keep, images, made, Grid(1, 3, 2))
    assert composite[0, 0, 0].tolist() == [0, 0, 1, 1, 0.5, 0.5]
    assert composite_mse(composite, images).item() == pytest.approx((0 + 1 + 0.25) / 3)


def test_sparsity_is_the_square_of_the_mean_over_the_whole_batch():
    assert sparsity(torch.tensor([[1.0, 0.0], [0.0, 0.0]])).item() == pytest.approx(1 / 16)


def test_entropy_is_log_two_when_undecided_and_nothing_when_sure():
    assert mask_entropy(torch.full((2, 3), 0.5)).item() == pytest.approx(math.log(2), abs=1e-5)
    keep = torch.tensor([[0.0, 1.0]], requires_grad=True)
    sure = mask_entropy(keep)
    sure.backward()
    assert sure.item() == pytest.approx(0, abs=1e-5)
    assert torch.isfinite(keep.grad).all()
