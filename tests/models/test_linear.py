"""The CPU backward of linear layers gives what torch's own gives, up to rounding in bfloat16."""

import pytest
import torch

from maskwright.models.linear import apply_linear, build_linear
from maskwright.support.seeding import torch_generator


def draw(inputs, outputs, rows=5):
    rng = torch_generator(0)
    tokens = torch.randn(3, rows, inputs, generator=rng)
    weight, bias = torch.randn(outputs, inputs, generator=rng), torch.randn(outputs, generator=rng)
    return [value.requires_grad_() for value in (tokens, weight, bias)]


@pytest.mark.parametrize("rows", [5, 200, 400])
@pytest.mark.parametrize(("inputs", "outputs"), [(8, 24), (24, 8), (8, 8)])
def test_value_and_gradients_agree_with_float32_to_bfloat16_rounding(inputs, outputs, rows):
    parts = draw(inputs, outputs, rows)
    exact = torch.nn.functional.linear(*parts)
    wanted = torch.autograd.grad(exact.sin().sum(), parts)
    with torch.autocast("cpu", torch.bfloat16):
        close = apply_linear(*parts)
    assert close.dtype == torch.bfloat16
    assert (close - exact).norm() < 0.01 * exact.norm()
    slopes = torch.autograd.grad((close.float() * exact.cos().detach()).sum(), parts)
    for slope, want in zip(slopes, wanted, strict=True):
        assert slope.dtype == torch.float32
        assert slope.shape == want.shape
        assert (slope - want).norm() < 0.01 * want.norm()


def test_without_autocast_nothing_is_rounded():
    parts = draw(8, 24)
    assert torch.equal(apply_linear(*parts), torch.nn.functional.linear(*parts))


def test_building_a_layer_draws_no_random_number():
    state = torch.get_rng_state()
    build_linear(8, 8)
    assert torch.equal(torch.get_rng_state(), state)
