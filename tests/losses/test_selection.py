"""The three terms of a selection have known values."""

from __future__ import annotations

import math

import torch

from maskwright.losses.selection import composite_mse, mask_entropy, sparsity


def test_a_perfect_composite_costs_nothing_and_half_off_costs_a_quarter() -> None:
    images = torch.rand(2, 3, 4, 4, generator=torch.Generator().manual_seed(0))
    assert composite_mse(images, images) == 0
    assert math.isclose(float(composite_mse(images + 0.5, images)), 0.25, rel_tol=1e-5)


def test_sparsity_is_the_square_of_the_mean_share() -> None:
    assert math.isclose(float(sparsity(torch.tensor([[1.0, 0.0], [0.0, 0.0]]))), 0.0625)


def test_entropy_is_zero_for_certain_and_log_two_for_even_chances() -> None:
    assert float(mask_entropy(torch.tensor([[0.0, 1.0]]))) < 2e-5
    assert math.isclose(float(mask_entropy(torch.full((3, 5), 0.5))), math.log(2), rel_tol=1e-6)


def test_entropy_has_finite_slopes_at_certain_chances() -> None:
    keep = torch.tensor([[0.0, 1.0, 0.5]], requires_grad=True)
    mask_entropy(keep).backward()
    assert keep.grad is not None
    assert torch.isfinite(keep.grad).all()
