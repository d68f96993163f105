"""Attention kernels agree with each other and are picked in one place."""

import pytest
import torch

from maskwright.models import attention
from maskwright.support.seeding import torch_generator


def draw(queries, keys):
    rng = torch_generator(0)
    return [
        torch.randn(2, 3, count, 8, generator=rng, dtype=torch.float64, requires_grad=True)
        for count in (queries, keys, keys)
    ]


@pytest.mark.parametrize(("queries", "keys"), [(17, 17), (5, 17)])
def test_explicit_and_fused_attention_agree_in_value_and_gradient(queries, keys):
    inputs = draw(queries, keys)
    results = [
        attention.attend_explicitly(*inputs),
        torch.nn.functional.scaled_dot_product_attention(*inputs),
    ]
    torch.testing.assert_close(*results, rtol=0, atol=1e-12)
    slopes = [torch.autograd.grad(result.sin().sum(), inputs) for result in results]
    torch.testing.assert_close(*slopes, rtol=0, atol=1e-12)


def test_packed_self_attention_agrees_with_the_fused_kernel_in_value_and_gradient():
    packed = torch.randn(
        2, 17, 3 * 24, generator=torch_generator(0), dtype=torch.float64, requires_grad=True
    )
    fused = (
        torch.nn.functional.scaled_dot_product_attention(*attention.split_heads(packed, 3, 3))
        .transpose(1, 2)
        .flatten(2)
    )
    results = [attention.attend_packed(packed, 3), fused]
    torch.testing.assert_close(*results, rtol=0, atol=1e-12)
    slopes = [torch.autograd.grad(result.sin().sum(), packed) for result in results]
    torch.testing.assert_close(*slopes, rtol=0, atol=1e-12)


@pytest.mark.parametrize(
    ("device", "dtype", "length", "fused"),
    [
        ("cpu", torch.bfloat16, 17, False),
        ("cpu", torch.bfloat16, 4000, False),
        ("cpu", torch.float32, 50, False),
        ("cpu", torch.float32, 257, True),
        ("cuda", torch.bfloat16, 17, True),
        ("mps", torch.float32, 17, True),
    ],
)
def test_the_kernel_follows_device_type_and_length(device, dtype, length, fused):
    assert attention.uses_fused_kernel(device, dtype, length) == fused


def test_autocast_decides_the_type_that_picks_the_kernel(monkeypatch):
    from maskwright.models.layers import Attention

    asked = []
    monkeypatch.setattr(
        attention, "uses_fused_kernel", lambda *question: asked.append(question) or False
    )
    layer = Attention(8, 2)
    for parameter in layer.parameters():
        torch.nn.init.constant_(parameter, 0.1)
    with torch.autocast("cpu", torch.bfloat16):
        layer(torch.ones(1, 5, 8))
    assert asked == [("cpu", torch.bfloat16, 5)]
