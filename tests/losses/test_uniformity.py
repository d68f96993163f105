"""The uniformity term: known values on the sphere."""

import dataclasses
import math

import pytest
import torch
from tests.losses.predictions import draw, measure

from maskwright.losses.uniformity import log_mean_potential
from maskwright.support.errors import MaskwrightError
from maskwright.support.seeding import torch_generator


def with_latent(latent, num_prefix=0):
    return dataclasses.replace(
        draw(batch=len(latent)), latent=latent, num_prefix=num_prefix, num_class=int(num_prefix > 0)
    )


def test_equal_embeddings_cost_zero_and_opposite_ones_the_most_negative():
    same = torch.ones(3, 2, 4, dtype=torch.float64) * torch.tensor([1.0, 5.0, 0.1])[:, None, None]
    assert measure("uniformity", with_latent(same)).item() == pytest.approx(0, abs=1e-12)
    opposite = torch.stack([torch.ones(2, 4), -3 * torch.ones(2, 4)]).double()
    assert measure("uniformity(t=2)", with_latent(opposite)).item() == pytest.approx(-2 * 4)


def test_orthogonal_embeddings_are_a_squared_distance_of_two_apart():
    assert log_mean_potential(torch.eye(4, dtype=torch.float64), 3.0).item() == pytest.approx(-6)


def test_the_value_is_the_log_mean_over_pairs_of_different_images_written_out():
    latent = torch.randn(5, 3, 6, dtype=torch.float64, generator=torch_generator(0))
    points = torch.nn.functional.normalize(latent.mean(1), dim=1)
    pairs = [
        math.exp(-1.5 * (points[i] - points[j]).square().sum().item())
        for i in range(5)
        for j in range(5)
        if i != j
    ]
    assert measure("uniformity(t=1.5)", with_latent(latent)).item() == pytest.approx(
        math.log(sum(pairs) / 20)
    )


def test_the_class_token_is_used_when_asked_and_prefix_tokens_stay_out_of_the_mean():
    latent = torch.randn(3, 4, 6, dtype=torch.float64, generator=torch_generator(1))
    assert torch.equal(
        measure("uniformity(of='class')", with_latent(latent, 1)),
        measure("uniformity", with_latent(latent[:, :1])),
    )
    assert torch.equal(
        measure("uniformity", with_latent(latent, 1)),
        measure("uniformity", with_latent(latent[:, 1:])),
    )
    with pytest.raises(MaskwrightError, match="class token"):
        measure("uniformity(of='class')", with_latent(latent))


def test_mixed_precision_does_not_coarsen_the_distances():
    latent = torch.randn(8, 3, 6, generator=torch_generator(2))
    with torch.autocast("cpu", dtype=torch.bfloat16):
        mixed = measure("uniformity", with_latent(latent))
    assert torch.equal(mixed, measure("uniformity", with_latent(latent)))


def test_a_single_image_has_no_pairs():
    assert measure("uniformity", with_latent(torch.ones(1, 2, 4))).item() == 0
