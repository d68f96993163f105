"""Rank, uniformity and alignment have the values that can be worked out by hand."""

from __future__ import annotations

import math

import pytest
import torch

from maskwright.diagnostics.spread import (
    alignment,
    effective_rank,
    participation_ratio,
    spectrum,
    uniformity,
)
from maskwright.support.errors import MaskwrightError
from maskwright.support.seeding import torch_generator


def test_equal_directions_count_in_full_and_a_line_counts_one():
    both_ways = torch.cat([torch.eye(6), -torch.eye(6)])
    values = spectrum(both_ways)
    assert effective_rank(values) == pytest.approx(6)
    assert participation_ratio(values) == pytest.approx(6)
    line = spectrum(torch.arange(5.0)[:, None] * torch.tensor([[1.0, 2, 3]]) + 10)
    assert effective_rank(line) == pytest.approx(1, abs=1e-4)
    assert participation_ratio(line) == pytest.approx(1)


def test_two_unequal_directions_follow_the_formulas():
    values = torch.tensor([3.0, 1.0])
    assert effective_rank(values) == pytest.approx(
        math.exp(-0.75 * math.log(0.75) - 0.25 * math.log(0.25))
    )
    assert participation_ratio(values) == pytest.approx(100 / 82)


def test_uniformity_is_zero_when_collapsed_and_known_for_opposite_points():
    assert uniformity(torch.ones(5, 3)) == pytest.approx(0)
    assert uniformity(torch.tensor([[2.0, 0], [-1.0, 0]])) == pytest.approx(-8)
    sphere = torch.randn(3000, 64, generator=torch_generator(0))
    assert uniformity(sphere) == pytest.approx(-4 + 8 / 64, abs=0.02)


def test_alignment_ignores_length_and_counts_angles():
    one = torch.tensor([[1.0, 0], [0, 3]])
    assert alignment(one, 5 * one) == pytest.approx(0)
    assert alignment(one, torch.tensor([[0, 1.0], [0, -2]])) == pytest.approx((2 + 4) / 2)


def test_a_collapsed_representation_is_said_to_be_one():
    with pytest.raises(MaskwrightError, match="collapsed"):
        spectrum(torch.full((8, 4), 0.3))
