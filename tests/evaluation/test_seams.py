"""Seams: 1 where borders are like any place, more where patches do not fit together."""

from __future__ import annotations

import math

import pytest
import torch

from maskwright.evaluation.seams import seam_strength
from maskwright.patches.grid import Grid
from maskwright.support.errors import MaskwrightError

GRID = Grid(3, 4, 4)
ALL = torch.ones(2, 1, 12, 16, dtype=torch.bool)


def test_a_ramp_has_no_seams() -> None:
    ramp = torch.arange(16.0).expand(2, 3, 12, 16) + torch.arange(12.0)[:, None]
    assert seam_strength(ramp, ALL, GRID) == pytest.approx(1)


def test_patches_with_a_brightness_of_their_own_have() -> None:
    ramp = torch.arange(16.0).expand(2, 1, 12, 16) + torch.arange(12.0)[:, None]
    offsets = torch.tensor([[0.0, 9.0, 0.0, 9.0], [9.0, 0.0, 9.0, 0.0], [0.0, 9.0, 0.0, 9.0]])
    blocks = offsets.repeat_interleave(4, 0).repeat_interleave(4, 1)
    # Every step across a border is 1 + 9 or 1 - 9 long, all others 1.
    assert seam_strength(ramp + blocks, ALL, GRID) == pytest.approx(9, abs=0.3)


def test_visible_pixels_do_not_count() -> None:
    pictures = torch.arange(16.0).expand(1, 1, 12, 16).clone()
    hidden = torch.zeros(1, 1, 12, 16, dtype=torch.bool)
    hidden[..., :8] = True
    pictures[..., 8:] = 1000 * torch.rand(12, 8, generator=torch.Generator().manual_seed(0))
    assert seam_strength(pictures, hidden, GRID) == pytest.approx(
        seam_strength(torch.arange(16.0).expand(1, 1, 12, 16), hidden, GRID)
    )


def test_without_touching_patches_nothing_is_said() -> None:
    hidden = torch.zeros(1, 1, 12, 16, dtype=torch.bool)
    hidden[..., :4, :4] = True
    assert math.isnan(seam_strength(torch.rand(1, 1, 12, 16), hidden, GRID))


def test_patches_of_one_pixel_are_refused() -> None:
    with pytest.raises(MaskwrightError, match="no inside"):
        seam_strength(torch.rand(1, 1, 4, 4), ALL[:1, :, :4, :4], Grid(4, 4, 1))
