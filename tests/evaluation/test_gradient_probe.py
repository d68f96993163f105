"""LARS step by step against its definition, and heads that learn what there is to learn."""

import pytest
import torch

from maskwright.evaluation.features import Labeled
from maskwright.evaluation.gradient_probe import NormalizedLinear, Rate, descend, score, shuffled
from maskwright.evaluation.lars import Lars


def test_lars_follows_its_definition_for_two_steps():
    generator = torch.Generator().manual_seed(0)
    weight, bias = torch.randn(4, 3, generator=generator), torch.randn(3, generator=generator)
    slopes = [
        (torch.randn(4, 3, generator=generator), torch.randn(3, generator=generator))
        for _ in range(2)
    ]
    moved = [torch.nn.Parameter(weight.clone()), torch.nn.Parameter(bias.clone())]
    optimizer = Lars(moved, lr=2.0)
    speed_w, speed_b = torch.zeros(4, 3), torch.zeros(3)
    for slope_w, slope_b in slopes:
        moved[0].grad, moved[1].grad = slope_w.clone(), slope_b.clone()
        optimizer.step()
        speed_w = 0.9 * speed_w + 0.001 * weight.norm() / slope_w.norm() * slope_w
        speed_b = 0.9 * speed_b + slope_b
        weight, bias = weight - 2.0 * speed_w, bias - 2.0 * speed_b
    assert torch.allclose(moved[0], weight, atol=1e-6)
    assert torch.allclose(moved[1], bias, atol=1e-6)


def test_lars_moves_weights_that_are_zero():
    weight = torch.nn.Parameter(torch.zeros(2, 2))
    weight.grad = torch.ones(2, 2)
    Lars([weight], lr=0.5).step()
    assert weight.tolist() == [[-0.5, -0.5], [-0.5, -0.5]]


def test_the_rate_rises_and_falls():
    rate = Rate(2.0, 0.1)
    assert rate.at(0.0) == 0.0
    assert rate.at(0.05) == pytest.approx(1.0)
    assert rate.at(0.1) == pytest.approx(2.0)
    assert rate.at(0.55) == pytest.approx(1.0)
    assert rate.at(1.0) == pytest.approx(0.0)


def test_a_head_learns_features_of_tiny_and_uneven_scale():
    generator = torch.Generator().manual_seed(0)
    labels = torch.arange(240) % 4
    values = (torch.eye(4)[labels] + 0.2 * torch.randn(240, 4, generator=generator)) * torch.tensor(
        [1e-3, 1.0, 1e-2, 1e2]
    )
    head = NormalizedLinear(4, 4, torch.Generator().manual_seed(0))
    descend(
        head,
        torch.optim.Adam(head.parameters()),
        shuffled(Labeled(values, labels), 24, 0),
        Rate(0.05),
        20,
        10,
    )
    assert (score(head, values).argmax(1) == labels).double().mean() > 0.97
