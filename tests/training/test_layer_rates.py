"""Early layers learn slower, and an encoder is held still while its new decoder learns."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from maskwright.models.autoencoder import MaskedAutoencoder
from maskwright.training.layer_rates import IS_ENCODER, encoder_share, rate_by_layer
from maskwright.training.optimizers import OPTIMIZERS, find_optimizer
from tests.tiny_zoo import CONFIG


def split(name: str, layer_decay: float) -> tuple[MaskedAutoencoder, torch.optim.Optimizer]:
    model, others = MaskedAutoencoder(CONFIG), nn.Linear(3, 3)
    optimizer = find_optimizer(name).load()(model, others, weight_decay=0.05, beta2=0.95)
    rate_by_layer(optimizer, model, CONFIG.depth, layer_decay)
    return model, optimizer


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_every_parameter_stays_in_one_group_with_its_decay(name: str) -> None:
    model, optimizer = split(name, 0.5)
    scale_of = {
        id(parameter): (group["lr_scale"], group[IS_ENCODER], group["weight_decay"])
        for group in optimizer.param_groups
        for parameter in group["params"]
    }
    trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
    assert len(scale_of) == len(trained) + 2
    assert scale_of[id(model.encoder.patch_embed.proj.weight)] == (0.25, True, 0.05)
    assert scale_of[id(model.encoder.blocks[0].mlp.fc1.weight)] == (0.5, True, 0.05)
    assert scale_of[id(model.encoder.norm.weight)] == (1.0, True, 0.0)
    assert scale_of[id(model.decoder.pred.weight)] == (1.0, False, 0.05)
    # The rate on record is the first group's.
    assert optimizer.param_groups[0]["lr_scale"] == 1.0
    assert not optimizer.param_groups[0][IS_ENCODER]


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_a_group_without_a_rate_does_not_move_by_a_bit(name: str) -> None:
    model, optimizer = split(name, 0.5)
    before = {key: value.clone() for key, value in model.state_dict().items()}
    for group in optimizer.param_groups:
        group["lr"] = 0.0 if group[IS_ENCODER] else 1e-2
    for parameter in model.parameters():
        parameter.grad = torch.ones_like(parameter)
    optimizer.step()
    moved = {key for key, value in model.state_dict().items() if not value.equal(before[key])}
    assert moved
    assert all(key.startswith("decoder.") for key in moved)


def test_the_encoder_waits_and_then_warms_up() -> None:
    shares = [encoder_share(progress, 0.2, 0.1) for progress in (0, 0.199, 0.2, 0.25, 0.3, 1)]
    assert shares == pytest.approx([0, 0, 0, 0.5, 1, 1])
    assert encoder_share(0.0, 0.0, 0.1) == 1.0
    assert encoder_share(0.5, 0.2, 0.0) == 1.0
