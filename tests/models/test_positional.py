"""Positions: tables that the grid gives, rotations that see differences alone."""

import math

import pytest
import torch

from maskwright.models.positional import Rotary, build_table, place_rows, rotary_angles, rotate
from maskwright.patches.grid import Grid
from maskwright.support.errors import MaskwrightError
from maskwright.support.seeding import torch_generator

GRID = Grid(5, 7, 4)


def turned_products(rotary, query, key, query_ids, key_ids):
    rows = [
        rotate(vector.expand(1, 1, len(ids), -1), rotary(torch.tensor([ids]), 0))
        for vector, ids in ((query, query_ids), (key, key_ids))
    ]
    return (rows[0] * rows[1]).sum(-1).flatten()


def test_rotary_attention_depends_on_the_difference_of_places_alone():
    rotary = Rotary(GRID, 16).double()
    rng = torch_generator(0)
    query, key = (torch.randn(16, generator=rng, dtype=torch.float64) for _ in range(2))
    same_step = turned_products(rotary, query, key, [0, 8, 24], [9, 17, 33])
    torch.testing.assert_close(same_step, same_step[:1].expand(3), rtol=0, atol=1e-6)
    other_steps = turned_products(rotary, query, key, [0, 0, 0], [1, 7, 9])
    assert other_steps.unique().numel() == 3


def test_rotary_leaves_prefix_tokens_and_lengths_alone():
    rotary = Rotary(GRID, 16)
    tokens = torch.randn(2, 3, 4, 16, generator=torch_generator(0))
    turned = rotate(tokens, rotary(torch.tensor([[3, 9], [0, 34]]), 2))
    assert torch.equal(turned[:, :, :2], tokens[:, :, :2])
    assert not torch.equal(turned[0, :, 2:], tokens[0, :, 2:])
    torch.testing.assert_close(turned.norm(dim=-1), tokens.norm(dim=-1))


def test_rotary_refuses_heads_that_do_not_divide_into_rows_and_columns():
    with pytest.raises(MaskwrightError, match="multiple of 4; got 6"):
        Rotary(GRID, 6)


def test_sincos_rows_are_distinct_frozen_and_zero_for_prefix_tokens():
    table = build_table("sincos", GRID, 16, 2)
    assert not table.requires_grad
    assert table[:, :2].abs().max() == 0
    assert torch.unique(table[0, 2:], dim=0).shape[0] == 35


def test_rows_are_those_of_the_ids():
    table = build_table("sincos", GRID, 16, 2)
    ids = torch.tensor([[3, 9], [0, 34]])
    assert torch.equal(place_rows(table, ids, 2), table[0][ids + 2])
    assert torch.equal(place_rows(table, None, 2), table[:, 2:])


def test_kinds_without_a_table_have_none():
    assert build_table("rotary", GRID, 16, 1) is None
    assert build_table("none", GRID, 16, 1) is None


def test_coordinates_by_the_picture_are_centered_and_know_no_size():
    small, large = Grid(2, 4, 4), Grid(6, 12, 4)
    angles = rotary_angles(small, 8, by_image=True).float()  # (N, 4)
    # rows of patch centers are at -1/2 and 1/2, columns at -3/4, -1/4, 1/4 and 3/4
    assert angles[0, 0].item() == pytest.approx(2 * math.pi * -0.5)
    assert angles[0, 2].item() == pytest.approx(2 * math.pi * -0.75)
    torch.testing.assert_close(angles, -angles.flip(0))
    # the middle of three patches has the place of the one that they cut up
    finer = rotary_angles(large, 8, by_image=True).float().unflatten(0, (6, 12))
    torch.testing.assert_close(finer[1::3, 1::3].flatten(0, 1), angles)


def test_attention_by_the_picture_depends_on_differences_alone():
    grid = Grid(3, 4, 4)
    tokens = torch.randn(1, 1, 12, 8, generator=torch_generator(0))
    rotary = Rotary(grid, 8, by_image=True)
    turned = rotate(tokens[:, :, :1].expand(-1, -1, 12, -1), rotary(None, 0))
    products = (turned @ turned.transpose(-2, -1))[0, 0].view(3, 4, 3, 4)
    torch.testing.assert_close(products[0, 0, 1, 1], products[1, 2, 2, 3])
