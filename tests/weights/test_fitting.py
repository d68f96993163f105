"""Weights that are fitted to another model compute what they did, as far as its shape allows."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest
import torch
import torch.nn.functional as F

from maskwright.models.autoencoder import MaskedAutoencoder
from maskwright.models.config import ModelConfig
from maskwright.patches.pixels import PixelScale
from maskwright.support.errors import MaskwrightError
from maskwright.weights.fitting import FittedWeights, fit_weights
from maskwright.weights.model_parts import Parts
from maskwright.weights.stem_fitting import resample_patches

SCALE = PixelScale((0.4, 0.5, 0.6), (0.2, 0.25, 0.3))
OTHER = PixelScale((0.1, 0.2, 0.3), (0.5, 0.4, 0.3))
CONFIG = ModelConfig(
    image_size=(16, 16),
    patch_size=4,
    width=16,
    depth=2,
    heads=2,
    decoder="cross",
    decoder_width=8,
    decoder_depth=1,
    decoder_heads=2,
)


def drawn(config: ModelConfig, seed: int) -> MaskedAutoencoder:
    """A model whose weights are all random, norms and biases too."""
    model = MaskedAutoencoder(config)
    rng = torch.Generator().manual_seed(seed)
    for parameter in model.parameters():
        if parameter.requires_grad:
            parameter.data = torch.randn(parameter.shape, generator=rng) * 0.3
    return model.eval()


def parts_of(model: MaskedAutoencoder, *, decoder: bool = True) -> Parts:
    state = {
        name: value
        for name, value in model.state_dict().items()
        if decoder or name.startswith("encoder.")
    }
    return Parts(
        source="weights.pth",
        config=model.config,
        state=state,
        scale=SCALE if model.config.channels == 3 else PixelScale((0.5,), (0.25,)),
        knows_target=True,
        settings={},
        facts={},
    )


def fitted(
    model: MaskedAutoencoder, scale: PixelScale = SCALE, **changes: Any
) -> tuple[MaskedAutoencoder, FittedWeights]:
    """The weights in a fresh model of a changed configuration."""
    config = dataclasses.replace(model.config, **{"layer_scale": None, **changes})
    weights = fit_weights(parts_of(model), config)
    fresh = drawn(config, 9)
    weights.copy_into(fresh, scale)
    return fresh.eval(), weights


@pytest.fixture
def pixels() -> torch.Tensor:
    """(2, 3, 16, 16) pixels in [0, 1]."""
    return torch.rand(2, 3, 16, 16, generator=torch.manual_seed(0))


def scaled(pixels: torch.Tensor, scale: PixelScale) -> torch.Tensor:
    mean, std = torch.tensor(scale.mean), torch.tensor(scale.std)
    return (pixels - mean[:, None, None]) / std[:, None, None]


def test_another_pixel_scale_changes_no_feature(pixels: torch.Tensor) -> None:
    old = drawn(CONFIG, 0)
    new, weights = fitted(old, OTHER)
    torch.testing.assert_close(
        new.encode(scaled(pixels, OTHER)), old.encode(scaled(pixels, SCALE)), rtol=1e-4, atol=1e-4
    )
    assert weights.notes == ()
    assert weights.has_decoder
    for name, value in old.decoder.state_dict().items():
        torch.testing.assert_close(new.decoder.state_dict()[name], value)


def test_a_gray_picture_gives_what_it_gave_in_three_equal_channels(pixels: torch.Tensor) -> None:
    old, gray = drawn(CONFIG, 0), PixelScale((0.3,), (0.2,))
    new, weights = fitted(old, gray, channels=1)
    one = pixels[:, :1]
    torch.testing.assert_close(
        new.encode((one - 0.3) / 0.2),
        old.encode(scaled(one.expand(-1, 3, -1, -1), SCALE)),
        rtol=1e-4,
        atol=1e-4,
    )
    assert "summed to one" in weights.notes[0]


def test_an_enlarged_patch_gives_the_token_of_the_patch() -> None:
    weight = torch.randn(5, 3, 4, 4, generator=torch.manual_seed(1))
    patch = torch.rand(3, 4, 4, generator=torch.manual_seed(2))
    large = F.interpolate(patch[None], size=(8, 8), mode="bicubic", antialias=True)[0]
    tokens = (weight * patch).sum((1, 2, 3))
    found = (resample_patches(weight, 8) * large).sum((1, 2, 3))
    torch.testing.assert_close(found, tokens, rtol=1e-3, atol=1e-3)


def test_layer_scales_are_folded_without_a_change(pixels: torch.Tensor) -> None:
    old = drawn(dataclasses.replace(CONFIG, layer_scale=0.1), 0)
    new, weights = fitted(old)
    images = scaled(pixels, SCALE)
    torch.testing.assert_close(new.encode(images), old.encode(images), rtol=1e-4, atol=1e-5)
    assert "Layer scales" in weights.notes[0]


def test_fixed_positions_are_computed_anew_and_learned_ones_resampled() -> None:
    new, weights = fitted(drawn(CONFIG, 0), image_size=(24, 32))
    fresh = MaskedAutoencoder(new.config)
    torch.testing.assert_close(new.encoder.pos_embed, fresh.encoder.pos_embed)
    assert "from the 4x4 grid to 6x8" in weights.notes[0]

    learned = drawn(dataclasses.replace(CONFIG, positions="learned"), 0)
    new, weights = fitted(learned, image_size=(24, 32))
    assert "encoder.pos_embed" in weights.state
    torch.testing.assert_close(new.encoder.pos_embed[:, :1], learned.encoder.pos_embed[:, :1])
    assert "resampled" in weights.notes[0]
    # A model with registers has rows for them behind the class token's.
    new, _ = fitted(learned, registers=2)
    torch.testing.assert_close(new.encoder.pos_embed[:, :1], learned.encoder.pos_embed[:, :1])
    torch.testing.assert_close(new.encoder.pos_embed[:, 3:], learned.encoder.pos_embed[:, 1:])


def test_a_larger_patch_is_predicted_as_the_small_one_enlarged() -> None:
    old = drawn(CONFIG, 0)
    new, weights = fitted(old, image_size=(32, 32), patch_size=8)
    latent = torch.randn(1, 8, generator=torch.manual_seed(3))
    small = old.decoder.pred(latent).reshape(4, 4, 3).permute(2, 0, 1)
    large = new.decoder.pred(latent).reshape(8, 8, 3).permute(2, 0, 1)
    expected = F.interpolate(small[None], size=(8, 8), mode="bilinear", antialias=True)[0]
    torch.testing.assert_close(large, expected, rtol=1e-3, atol=1e-3)
    assert any("prediction head" in note for note in weights.notes)


@pytest.mark.parametrize(
    ("decoder", "changes", "note"),
    [
        (False, {}, "have no decoder"),
        (True, {"decoder": "full"}, "is another"),
        (True, {"decoder_depth": 2}, "is another"),
    ],
)
def test_a_decoder_that_is_missing_or_another_is_new(
    decoder: bool, changes: dict[str, Any], note: str
) -> None:
    config = dataclasses.replace(CONFIG, **changes)
    weights = fit_weights(parts_of(drawn(CONFIG, 0), decoder=decoder), config)
    assert not weights.has_decoder
    assert note in weights.notes[0]
    assert not any(name.startswith("decoder.") for name in weights.state)


def test_prefix_tokens_are_kept_dropped_or_new() -> None:
    weights = fit_weights(
        parts_of(drawn(CONFIG, 0)), dataclasses.replace(CONFIG, class_token=False, registers=1)
    )
    assert weights.notes == (
        "The class token of the weights is dropped: this model has none.",
        "This model's register tokens: new, the weights have other ones or none.",
    )


@pytest.mark.parametrize("changes", [{"width": 24}, {"depth": 3}, {"heads": 4}, {"mlp_ratio": 2.0}])
def test_encoders_of_another_shape_are_refused_with_both_shapes(changes: dict[str, Any]) -> None:
    config = dataclasses.replace(CONFIG, **changes)
    with pytest.raises(MaskwrightError, match=r"does not fit this run's: it is 16 wide, 2 deep"):
        fit_weights(parts_of(drawn(CONFIG, 0)), config)
