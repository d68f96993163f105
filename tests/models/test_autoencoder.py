"""The masked autoencoder: blind to hidden pixels, able to learn, at home with every shape."""

import dataclasses

import pytest
import torch
from tests.small_models import TINY_WITH_REGISTER as TINY

from maskwright.losses.objective import build_objective
from maskwright.models.autoencoder import MaskedAutoencoder
from maskwright.models.config import DECODERS, POSITIONS
from maskwright.patches.mask import PatchMask
from maskwright.patches.pixels import patchify, unpatchify
from maskwright.support.errors import MaskwrightError
from maskwright.support.seeding import torch_generator


def build(**changes):
    return MaskedAutoencoder(dataclasses.replace(TINY, **changes))


def draw(model, batch=2, seed=0, num_masked=16):
    rng = torch_generator(seed)
    images = torch.randn(batch, model.config.channels, *model.grid.image_size, generator=rng)
    order = torch.rand(batch, model.grid.num_patches, generator=rng).argsort(1)
    return images, PatchMask.from_is_masked(order < num_masked)


def keep(mask, size):
    """The same split with only the first `size` masked patches predicted."""
    return PatchMask(mask.visible_ids, mask.masked_ids, mask.masked_ids[:, :size])


@pytest.mark.parametrize("decoder", DECODERS)
def test_hidden_pixels_never_reach_latent_or_prediction(decoder):
    model = build(decoder=decoder)
    images, mask = draw(model)
    before = model(images, mask)
    changed = patchify(images, 4)
    changed[mask.is_masked] = 7.0
    after = model(unpatchify(changed, model.grid), mask)
    assert torch.equal(before.latent, after.latent)
    assert torch.equal(before.values, after.values)
    assert not torch.equal(before.patches, after.patches)


@pytest.mark.parametrize("decoder", DECODERS)
def test_the_gradient_of_a_prediction_is_zero_at_hidden_pixels_only(decoder):
    model = build(decoder=decoder)
    images, mask = draw(model)
    images.requires_grad_(True)
    model(images, mask).values.square().sum().backward()
    slopes = patchify(images.grad, 4).abs().amax(-1)
    assert slopes[mask.is_masked].max() == 0
    assert slopes[~mask.is_masked].min() > 0


@pytest.mark.parametrize("decoder", DECODERS)
@pytest.mark.parametrize("positions", POSITIONS)
@pytest.mark.parametrize(
    ("class_token", "registers"), [(True, 0), (False, 0), (True, 2), (False, 1)]
)
def test_every_kind_predicts_each_hidden_patch_and_encodes_all(
    decoder, positions, class_token, registers
):
    model = build(
        decoder=decoder, positions=positions, class_token=class_token, registers=registers
    )
    images, mask = draw(model)
    prediction = model(images, mask)
    assert prediction.values.shape == (2, 16, 48)
    assert prediction.latent.shape == (2, class_token + registers + 8, 24)
    assert model.encode(images).shape == (2, class_token + registers + 24, 24)


@pytest.mark.parametrize("channels", [1, 4, 12])
def test_any_number_of_channels_is_predicted(channels):
    model = build(channels=channels)
    assert model(*draw(model)).values.shape == (2, 16, 16 * channels)


@pytest.mark.parametrize("positions", POSITIONS)
def test_encoding_everything_equals_a_mask_that_shows_everything_in_order(positions):
    model = build(positions=positions)
    images, _ = draw(model)
    shown = model.encoder(patchify(images, 4), torch.arange(24).expand(2, -1))
    torch.testing.assert_close(model.encode(images), shown)


@pytest.mark.parametrize("decoder", DECODERS)
@pytest.mark.parametrize("positions", POSITIONS)
def test_predictions_depend_on_where_patches_are_unless_positions_are_none(decoder, positions):
    model = build(decoder=decoder, positions=positions)
    images, mask = draw(model)
    order = torch.randperm(24, generator=torch_generator(1))
    moved = unpatchify(patchify(images, 4)[:, order], model.grid)
    moved_mask = PatchMask.from_is_masked(mask.is_masked[:, order])
    before = torch.zeros(2, 24, 48).index_put(
        (torch.arange(2)[:, None], mask.masked_ids), model(images, mask).values
    )
    after = torch.zeros(2, 24, 48).index_put(
        (torch.arange(2)[:, None], moved_mask.masked_ids), model(moved, moved_mask).values
    )
    equivariant = torch.allclose(before[:, order], after, atol=1e-5)
    assert equivariant == (positions == "none")


@pytest.mark.parametrize("positions", ["sincos", "learned", "rotary", "relative"])
@pytest.mark.parametrize("decoder", DECODERS)
def test_hidden_patches_at_different_places_get_different_predictions(decoder, positions):
    model = build(decoder=decoder, positions=positions)
    values = model(*draw(model)).values
    assert torch.cdist(values, values).add(torch.eye(16)).min() > 1e-4


@pytest.mark.parametrize("decoder", DECODERS)
def test_predicting_a_subset_gives_the_same_values_as_predicting_all(decoder):
    model = build(decoder=decoder).double()
    images, mask = draw(model)
    everything = model(images.double(), mask).values
    chosen = torch.tensor([[1, 4, 9], [0, 2, 15]])
    some = PatchMask(mask.visible_ids, mask.masked_ids, mask.masked_ids.gather(1, chosen))
    torch.testing.assert_close(
        model(images.double(), some).values,
        everything[torch.arange(2)[:, None], chosen],
        rtol=0,
        atol=1e-12,
    )


@pytest.mark.parametrize("decoder", DECODERS)
@pytest.mark.parametrize("positions", POSITIONS)
def test_one_step_moves_every_trainable_parameter_and_no_frozen_one(decoder, positions):
    model = build(decoder=decoder, positions=positions)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    optimizer = torch.optim.AdamW(model.parameters(), lr=0.01, weight_decay=0.0)
    images, mask = draw(model)
    for _ in range(2):
        optimizer.zero_grad()
        build_objective("mse")(model(images, keep(mask, 9)), images).total.backward()
        optimizer.step()
    trainable = {name for name, value in model.named_parameters() if value.requires_grad}
    moved = {
        name for name, value in model.state_dict().items() if not torch.equal(value, before[name])
    }
    assert moved == trainable
    assert ("encoder.pos_embed" in set(before) - trainable) == (positions == "sincos")


@pytest.mark.parametrize("decoder", DECODERS)
def test_a_tiny_model_memorizes_eight_images(decoder):
    model = build(decoder=decoder, image_size=(16, 16), width=32, decoder_width=32)
    images, mask = draw(model, batch=8, num_masked=12)
    optimizer = torch.optim.AdamW(model.parameters(), lr=5e-3, weight_decay=0.0)
    objective = build_objective("mse")
    losses = []
    for _ in range(250):
        optimizer.zero_grad()
        loss = objective(model(images, mask), images).total
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[0] > 0.9
    assert losses[-1] < 0.2


def test_the_same_generator_gives_the_same_weights_and_leaves_the_global_one_alone():
    state = torch.get_rng_state()
    first, second, other = (MaskedAutoencoder(TINY, torch_generator(seed)) for seed in (3, 3, 4))
    assert torch.equal(torch.get_rng_state(), state)
    assert all(
        torch.equal(one, two)
        for one, two in zip(first.parameters(), second.parameters(), strict=True)
    )
    assert not torch.equal(
        first.encoder.blocks[0].attn.qkv.weight, other.encoder.blocks[0].attn.qkv.weight
    )


def test_first_weights_follow_the_official_rule():
    model = build(width=96, heads=2)
    weight = model.encoder.blocks[0].attn.qkv.weight.detach()
    patch = model.encoder.patch_embed.proj.weight.detach()
    assert weight.abs().max().item() == pytest.approx((6 / (96 + 288)) ** 0.5, rel=0.01)
    assert patch.abs().max().item() == pytest.approx((6 / (96 + 48)) ** 0.5, rel=0.01)
    assert model.encoder.cls_token.std().item() == pytest.approx(0.02, rel=0.3)
    assert model.encoder.blocks[0].mlp.fc1.bias.abs().max() == 0
    assert model.encoder.pos_embed[:, :2].abs().max() == 0


def test_encoder_names_are_those_of_timm():
    names = set(build().encoder.state_dict())
    assert {
        "cls_token",
        "reg_token",
        "pos_embed",
        "patch_embed.proj.weight",
        "blocks.1.attn.qkv.bias",
        "norm.weight",
    } <= names
    assert build().encoder.patch_embed.proj.weight.shape == (24, 3, 4, 4)


def test_images_of_another_shape_are_refused_with_both_shapes():
    model = build()
    _, mask = draw(model)
    with pytest.raises(
        MaskwrightError, match=r"takes \(B, 3, 16, 24\) images; got \(2, 3, 24, 16\)"
    ):
        model(torch.zeros(2, 3, 24, 16), mask)


def test_a_mask_of_another_grid_is_refused():
    model = build()
    images, _ = draw(model)
    with pytest.raises(MaskwrightError, match="mask is for 16 patches"):
        model(images, PatchMask.from_is_masked(torch.arange(16).expand(2, -1) < 8))


@pytest.mark.parametrize("positions", POSITIONS)
@pytest.mark.parametrize("decoder", DECODERS)
def test_asking_for_visible_patches_adds_them_and_changes_no_other_prediction(decoder, positions):
    model = build(decoder=decoder, positions=positions)
    images, mask = draw(model)
    mask = keep(mask, 5)
    plain, more = model(images, mask), model(images, mask, visible=True)
    assert plain.visible_values is None
    assert more.visible_values.shape == (2, mask.num_visible, plain.values.shape[2])
    assert torch.allclose(more.values, plain.values, atol=1e-6)


def test_the_cross_decoder_answers_at_visible_places_as_at_any_other():
    """Asked for the same ids as predicted patches, it gives the same values."""
    model = build(decoder="cross")
    images, mask = draw(model)
    more = model(images, mask, visible=True)
    as_predicted = model.decoder(
        more.latent, PatchMask(mask.visible_ids, mask.masked_ids, mask.visible_ids)
    )
    assert torch.allclose(more.visible_values, as_predicted, atol=1e-6)


def test_visible_predictions_stand_in_the_order_of_visible_ids():
    """The full decoder knows the pixels of a visible patch, so its prediction moves most when that
    patch changes.
    """
    model = build(decoder="full")
    images, mask = draw(model, batch=1)
    patches = patchify(images, 4)
    changed = patches.clone()
    changed[0, mask.visible_ids[0, 2]] += 5.0
    before, after = (
        model(unpatchify(each, model.grid), mask, visible=True).visible_values
        for each in (patches, changed)
    )
    assert (after - before).abs().mean((0, 2)).argmax() == 2
