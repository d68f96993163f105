"""The analytic count of operations agrees with torch's own counter."""

from __future__ import annotations

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from maskwright.models.attention_map import attention_map
from maskwright.models.autoencoder import MaskedAutoencoder
from maskwright.models.config import ModelConfig
from maskwright.models.cost import count_attention_map, count_step
from maskwright.patches import patchify, split
from maskwright.support.seeding import sample_rng


@pytest.mark.parametrize("decoder", ["full", "cross"])
@pytest.mark.parametrize("num_visible", [4, 9])
def test_operations_of_a_forward_pass_match_the_counter(decoder: str, num_visible: int) -> None:
    config = ModelConfig(
        image_size=(24, 16),
        patch_size=4,
        width=32,
        depth=3,
        heads=2,
        decoder=decoder,
        decoder_width=16,
        decoder_depth=2,
        decoder_heads=2,
    )
    model = MaskedAutoencoder(config)
    mask = split(torch.zeros(2, 24), num_visible, 8, rng=sample_rng(0, 0, torch.arange(2)))
    with FlopCounterMode(display=False) as counter:
        model(torch.randn(2, 3, 24, 16), mask)
    assert counter.get_total_flops() == pytest.approx(
        2 * count_step(config, num_visible, 8).forward, rel=0.02
    )


def test_training_costs_three_forward_passes() -> None:
    cost = count_step(ModelConfig(image_size=(32, 32), patch_size=4), 16, 48)
    assert cost.training == 3 * (cost.encoder + cost.decoder)


@pytest.mark.parametrize("class_token", [True, False])
def test_operations_of_a_look_at_the_last_attention_match_the_counter(class_token: bool) -> None:
    config = ModelConfig(
        image_size=(24, 16), patch_size=4, width=32, depth=3, heads=2, class_token=class_token
    )
    model = MaskedAutoencoder(config)
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        attention_map(model.encoder, patchify(torch.randn(2, 3, 24, 16), 4))
    assert counter.get_total_flops() == pytest.approx(2 * count_attention_map(config), rel=0.02)
