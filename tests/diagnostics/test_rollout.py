"""Attention rollout gives the maps that can be worked out by hand, and stays on the patches that
are seen.
"""

from __future__ import annotations

import math

import pytest
import torch

from maskwright.diagnostics.rollout import (
    RolloutMaps,
    measure_rollout,
    rank_agreement,
    roll_out,
    to_evenness,
    to_patch_map,
)
from maskwright.models.config import ModelConfig
from maskwright.models.image_encoder import ImageEncoder
from maskwright.patches.grid import Grid
from maskwright.support.seeding import torch_generator

GRID = Grid(4, 6, 4)


def build(**changes) -> ImageEncoder:
    config = {
        "image_size": (16, 24),
        "patch_size": 4,
        "width": 16,
        "depth": 3,
        "heads": 2,
        "decoder_width": 16,
        "decoder_heads": 2,
    }
    return ImageEncoder(ModelConfig(**{**config, **changes}), torch_generator(0, "test")).eval()


def some_patches(count: int = 3) -> torch.Tensor:
    return torch.randn(count, GRID.num_patches, 48, generator=torch_generator(1))


def test_identity_attention_leaves_every_token_to_itself():
    eye = torch.eye(5).expand(2, 3, 5, 5)
    assert torch.equal(roll_out([eye, eye]), torch.eye(5).expand(2, 5, 5))


def test_uniform_attention_gives_a_uniform_patch_map():
    even = torch.full((2, 3, 7, 7), 1 / 7)
    product = roll_out([even] * 4)
    torch.testing.assert_close(product.sum(-1), torch.ones(2, 7))
    torch.testing.assert_close(to_patch_map(product, 1, True), torch.full((2, 6), 1 / 6))
    torch.testing.assert_close(to_patch_map(product, 0, False), torch.full((2, 7), 1 / 7))


def test_layers_are_multiplied_last_to_first():
    first, last = torch.tensor([[[[0.0, 1], [0, 1]]], [[[1.0, 0], [1, 0]]]])
    by_hand = (0.5 * last[0] + 0.5 * torch.eye(2)) @ (0.5 * first[0] + 0.5 * torch.eye(2))
    torch.testing.assert_close(roll_out([first[None], last[None]])[0], by_hand)
    assert not torch.allclose(roll_out([last[None], first[None]])[0], by_hand)


def test_the_largest_head_is_renormalized():
    one, other = torch.eye(2), torch.tensor([[0.0, 1], [0, 1]])
    product = roll_out([torch.stack([one, other])[None]], "max")[0]
    torch.testing.assert_close(product, torch.tensor([[0.75, 0.25], [0.0, 1.0]]))


@pytest.mark.parametrize("positions", ["sincos", "rotary", "relative"])
@pytest.mark.parametrize("class_token", [True, False])
def test_maps_sum_to_one_on_seen_patches_alone(class_token, positions):
    model = build(class_token=class_token, positions=positions, registers=1)
    ids = torch.tensor([[0, 5, 9, 20], [1, 2, 3, 4], [7, 11, 19, 23]])
    maps = measure_rollout(model.encoder, some_patches(), GRID, ids)
    torch.testing.assert_close(maps.values.sum(1), torch.ones(3))
    assert torch.equal(maps.is_seen.nonzero()[:, 1].reshape(3, 4), ids)
    assert torch.equal(maps.values > 0, maps.is_seen)


def test_naming_every_patch_is_the_same_as_naming_none():
    model = build()
    every = torch.arange(GRID.num_patches).expand(3, -1)
    torch.testing.assert_close(
        measure_rollout(model.encoder, some_patches(), GRID, every).values,
        measure_rollout(model.encoder, some_patches(), GRID).values,
    )


def test_hidden_pixels_do_not_reach_the_map():
    model, patches = build(), some_patches()
    ids = torch.tensor([[0, 5, 9, 20]] * 3)
    changed = torch.full_like(patches, 7.0).scatter(
        1, ids[:, :, None].expand(-1, -1, 48), patches[:, ids[0]]
    )
    assert torch.equal(
        measure_rollout(model.encoder, patches, GRID, ids).values,
        measure_rollout(model.encoder, changed, GRID, ids).values,
    )


def test_entropy_and_center_have_their_known_values():
    even, single = torch.full((1, 24), 1 / 24), torch.zeros(1, 24)
    single[0, 7] = 1.0
    maps = RolloutMaps(
        torch.cat([even, single]), torch.ones(2, 24, dtype=torch.bool), torch.ones(2, 24), GRID
    )
    torch.testing.assert_close(maps.entropy(), torch.tensor([math.log(24), 0.0]))
    torch.testing.assert_close(maps.evenness(), torch.tensor([1.0, 0.0]))
    torch.testing.assert_close(maps.centers(), torch.tensor([[0.5, 0.5], [1.5 / 4, 1.5 / 6]]))


def test_an_entropy_map_is_one_for_even_rows_and_zero_for_tokens_on_their_own():
    product = torch.eye(5).expand(1, 5, 5).clone()
    product[:, 1] = 0.2
    torch.testing.assert_close(to_evenness(product, 1), torch.tensor([[1.0, 0, 0, 0]]))


def test_rank_agreement_looks_at_order_on_shared_patches_alone():
    first = torch.tensor([[1.0, 2, 3, 4, 100], [1.0, 2, 3, 4, 0]])
    second = torch.tensor([[1.0, 4, 9, 16, -5], [9.0, 8, 7, 6, 50]])
    seen = torch.tensor([[1, 1, 1, 1, 0]] * 2, dtype=torch.bool)
    assert rank_agreement(first, second, seen).tolist() == pytest.approx([1.0, -1.0])
    assert rank_agreement(first, torch.ones(2, 5), seen).isnan().all()
