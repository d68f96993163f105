"""Keeping and filling in for numbers that differ by image: blind where it says so, exact, with
slopes for every patch.
"""

from __future__ import annotations

import dataclasses
import math

import pytest
import torch
from tests.small_models import TINY_WITH_REGISTER as TINY
from torch import Tensor

from maskwright.models.autoencoder import MaskedAutoencoder
from maskwright.models.scorer import Scorer, keep_logit
from maskwright.models.selection import pick, relax, straight_through
from maskwright.patches.composite import compose, to_pixels
from maskwright.patches.hidden_stats import interpolate_stats
from maskwright.patches.mask import PatchMask, put, take
from maskwright.patches.pixels import patch_stats, patchify
from maskwright.support.errors import MaskwrightError
from maskwright.support.seeding import sample_rng, torch_generator
from maskwright.targets.building import read_target

SHAPES = [
    ("full", "sincos"),
    ("full", "rotary"),
    ("full", "relative"),
    ("full", "none"),
    ("cross", "sincos"),
    ("cross", "rotary"),
    ("cross", "relative"),
]


def build(**changes: object) -> tuple[MaskedAutoencoder, Tensor, Tensor]:
    """A model, patches (3, 24, 48), and a different number kept of each image."""
    model = MaskedAutoencoder(dataclasses.replace(TINY, **changes))  # type: ignore[arg-type]
    rng = torch_generator(0)
    for parameter in model.parameters():
        if parameter.shape[-1:] == (16,) and parameter.ndim == 3 and parameter.requires_grad:
            parameter.data.normal_(generator=rng)  # a mask token that matters
    patches = torch.randn(3, 24, 48, generator=rng)
    is_kept = torch.rand(3, 24, generator=rng) < torch.tensor([[0.1], [0.4], [0.9]])
    return model, patches, is_kept


@pytest.mark.parametrize(("decoder", "positions"), SHAPES)
def test_filling_in_agrees_with_the_ordinary_forward_pass(decoder: str, positions: str) -> None:
    model, patches, is_kept = build(decoder=decoder, positions=positions)
    filled = model.fill_in(patches, is_kept.float())
    for row in range(3):
        mask = PatchMask.from_is_masked(~is_kept[row : row + 1])
        latent = model.encoder(patches[row : row + 1], mask.visible_ids)
        expected = model.decoder(latent, mask)
        assert torch.allclose(filled[row][~is_kept[row]], expected[0], atol=1e-5)


@pytest.mark.parametrize(("decoder", "positions"), SHAPES)
@pytest.mark.parametrize("target", ["raw", "normalized"])
def test_hidden_pixels_influence_nothing_when_only_kept_patches_are_encoded(
    decoder: str, positions: str, target: str
) -> None:
    model, patches, is_kept = build(decoder=decoder, positions=positions, target=target)
    changed = torch.where(is_kept[:, :, None], patches, 9 * patches.flip(1) + 3)
    pixels = [
        to_pixels(model.fill_in(one, is_kept.float()), one, is_kept, model.grid, model.target)
        for one in (patches, changed)
    ]
    assert torch.equal(pixels[0][~is_kept], pixels[1][~is_kept])
    whole = [compose(value, patches, is_kept, model.grid) for value in pixels]
    assert torch.equal(*whole)


def test_hidden_pixels_leak_when_the_encoder_sees_everything() -> None:
    """The form of seed 2: its numbers are not those of a masked autoencoder that sees kept patches
    alone.
    """
    model, patches, is_kept = build()
    changed = torch.where(is_kept[:, :, None], patches, 9 * patches.flip(1) + 3)
    before, after = (
        model.fill_in_leaking(one, is_kept.float())[~is_kept] for one in (patches, changed)
    )
    assert (before - after).abs().max() > 1e-3


def test_a_cross_decoder_has_nothing_to_mix() -> None:
    model, patches, is_kept = build(decoder="cross")
    with pytest.raises(MaskwrightError, match="needs a full decoder"):
        model.fill_in_leaking(patches, is_kept.float())


@pytest.mark.parametrize("decoder", ["full", "cross"])
def test_kept_and_hidden_patches_alike_get_the_slope_of_their_use_to_others(decoder: str) -> None:
    model, patches, is_kept = build(decoder=decoder)
    soft = torch.full((3, 24), 0.4, requires_grad=True)
    model.fill_in(patches, straight_through(is_kept, soft))[0, 5].square().sum().backward()
    assert soft.grad is not None
    others = torch.arange(24) != 5
    assert (soft.grad[0, others].abs() > 0).all()
    assert soft.grad[1:].abs().max() == 0


def test_the_slope_of_a_gate_agrees_with_a_small_step() -> None:
    model, patches, is_kept = build()
    model, patches = model.double(), patches.double()
    keep = is_kept.double()
    keep.requires_grad_()
    model.fill_in(patches, keep)[0].square().sum().backward()
    assert keep.grad is not None
    place = int(is_kept[0].nonzero()[0])
    with torch.no_grad():
        lower = keep.detach().clone()
        lower[0, place] -= 1e-3
        step = (
            model.fill_in(patches, keep)[0].square().sum()
            - model.fill_in(patches, lower)[0].square().sum()
        ) / 1e-3
    assert math.isclose(float(step), float(keep.grad[0, place]), rel_tol=1e-2)


def test_what_is_kept_comes_back_exactly() -> None:
    model, patches, is_kept = build(target="raw")
    composite = compose(
        to_pixels(
            model.fill_in(patches, is_kept.float()),
            patches,
            is_kept,
            model.grid,
            read_target("raw"),
        ),
        patches,
        is_kept,
        model.grid,
    )
    assert torch.equal(patchify(composite, 4)[is_kept], patches[is_kept])


def test_normalized_predictions_are_undone_by_statistics_of_kept_neighbors() -> None:
    model, patches, is_kept = build(target="normalized")
    mask = PatchMask.from_is_masked(~is_kept[1:2])
    images = compose(patches[1:2], patches[1:2], is_kept[1:2], model.grid)
    prediction = model(images, mask)
    values = put(torch.zeros_like(prediction.patches), mask.masked_ids, prediction.values)
    pixels = to_pixels(
        values, prediction.patches, is_kept[1:2], model.grid, read_target("normalized")
    )
    kept = patch_stats(take(prediction.patches, mask.visible_ids))
    around = interpolate_stats(kept, mask.visible_ids, model.grid)
    assert torch.allclose(pixels, around.restore(values), atol=1e-5)


def test_a_loss_may_go_through_a_picture_of_normalized_patches() -> None:
    model, patches, is_kept = build(target="normalized")
    mask = PatchMask.from_is_masked(~is_kept[1:2])
    images = compose(patches[1:2], patches[1:2], is_kept[1:2], model.grid)
    model(images, mask).to_picture("visible").composite.square().mean().backward()
    slopes = [weight.grad for weight in model.decoder.parameters() if weight.grad is not None]
    assert any(bool((slope != 0).any()) for slope in slopes)


def test_tones_that_others_take_from_a_kept_patch_give_it_a_slope() -> None:
    model, patches, is_kept = build(target="normalized")
    keep = straight_through(is_kept, torch.full((3, 24), 0.4, requires_grad=True))
    keep.retain_grad()
    pixels = to_pixels(
        torch.zeros_like(patches),
        patches,
        torch.where(is_kept, keep, 0.0),
        model.grid,
        read_target("normalized"),
    )
    pixels.square().sum().backward()
    assert keep.grad is not None
    assert (keep.grad[1][is_kept[1]] != 0).all()
    assert (keep.grad[~is_kept] == 0).all()


def test_without_noise_training_keeps_what_evaluation_keeps_as_the_temperature_falls() -> None:
    """One sign for both (the code behind seed 2 turned it)."""
    scorer = Scorer(TINY_GRID, 48, width=16)
    logit = keep_logit(scorer(build()[1]))
    at_evaluation = pick(logit)
    cold = relax(logit, torch.zeros_like(logit), 1e-4)
    assert 0 < at_evaluation.float().mean() < 1
    assert torch.equal(cold > 0.5, at_evaluation)
    assert torch.allclose(cold, at_evaluation.float(), atol=1e-3)
    assert torch.equal(straight_through(at_evaluation, cold), at_evaluation.float())


def test_noise_keeps_with_the_chance_that_the_logit_says() -> None:
    logit = torch.full((4000, 5), 0.8)
    kept = (logit + sample_rng(0, 0, torch.arange(4000)).logistic(5)) > 0
    assert float(kept.float().mean()) == pytest.approx(1 / (1 + math.exp(-0.8)), abs=0.012)


def test_an_image_without_a_positive_logit_keeps_its_best_patch() -> None:
    assert pick(torch.tensor([[-3.0, -1.0, -2.0], [1.0, -1.0, 2.0]])).tolist() == [
        [False, True, False],
        [True, False, True],
    ]


TINY_GRID = MaskedAutoencoder(TINY).grid
