"""Features as targets: the average of the trained encoder, another encoder, and collapse."""

from __future__ import annotations

import pytest
import torch

from maskwright.models.autoencoder import MaskedAutoencoder
from maskwright.models.block_features import last_block_features
from maskwright.models.config import ModelConfig
from maskwright.patches import PixelScale, patchify
from maskwright.support.errors import MaskwrightError
from maskwright.support.seeding import torch_generator
from maskwright.targets.features import FeaturesTarget
from maskwright.training.feature_sources import OtherFeatures, OwnFeatures, measure_spread
from maskwright.training.teachers import Teacher

CONFIG = ModelConfig(
    image_size=(8, 8),
    patch_size=2,
    width=16,
    depth=3,
    heads=2,
    decoder_width=8,
    decoder_depth=1,
    decoder_heads=2,
)
SCALE = PixelScale((0.5,) * 3, (0.25,) * 3)


def build_model(seed: int = 0) -> MaskedAutoencoder:
    return MaskedAutoencoder(CONFIG, torch_generator(seed)).eval()


def draw_images(count: int = 4) -> torch.Tensor:
    return torch.randn(count, 3, 8, 8, generator=torch_generator(1))


def build_own(model: MaskedAutoencoder, **options) -> OwnFeatures:
    return OwnFeatures(FeaturesTarget(**options), CONFIG, model.grid, model.encoder)


def test_features_of_the_last_block_alone_are_its_tokens_normalized() -> None:
    model = build_model()
    patches = patchify(draw_images(), 2)
    seen = []
    model.encoder.blocks[-1].register_forward_hook(lambda *parts: seen.append(parts[2]))
    features = last_block_features(model.encoder, patches, 1)
    # Without the class token; patches in order.
    tokens = torch.nn.functional.layer_norm(seen[0][:, 1:], (16,))
    assert torch.allclose(features, tokens, atol=1e-4)
    assert features.shape == (4, 16, 16)


def test_every_token_of_several_blocks_has_mean_zero_and_deviation_one() -> None:
    features = last_block_features(build_model().encoder, patchify(draw_images(), 2), 3).detach()
    assert float(features.mean(-1).abs().max()) < 1e-4
    assert torch.allclose(features.std(-1, correction=0), torch.ones(4, 16), atol=1e-3)


def test_the_average_moves_once_for_each_step_by_its_momentum() -> None:
    model, other = build_model(0), build_model(1)
    own = build_own(model, momentum="0.9->0.5")
    begin = own.encoder.blocks[0].mlp.fc1.weight.clone()
    ahead = other.encoder.blocks[0].mlp.fc1.weight
    own.follow(other.encoder, 0, 0.0)
    assert torch.equal(own.encoder.blocks[0].mlp.fc1.weight, begin)  # no step was taken
    own.follow(other.encoder, 1, 1.0)
    expected = 0.5 * begin + 0.5 * ahead
    assert torch.allclose(own.encoder.blocks[0].mlp.fc1.weight, expected, atol=1e-6)
    own.follow(other.encoder, 1, 1.0)  # another batch of the same step
    assert torch.allclose(own.encoder.blocks[0].mlp.fc1.weight, expected, atol=1e-6)


def test_a_saved_average_goes_on_where_it_was() -> None:
    model, other = build_model(0), build_model(1)
    first = build_own(model, momentum=0.9)
    first.follow(other.encoder, 1, 0.5)
    second = build_own(model, momentum=0.9)
    second.load_state_dict(first.state_dict())
    for own in (first, second):
        own.follow(other.encoder, 2, 0.6)
    images = draw_images()
    assert torch.equal(first.measure(images), second.measure(images))


def test_the_average_gets_no_gradient() -> None:
    own = build_own(build_model())
    assert not own.measure(draw_images().requires_grad_(True)).requires_grad
    assert not any(parameter.requires_grad for parameter in own.parameters())


def test_another_encoder_sees_pictures_in_its_own_numbers_and_is_not_saved() -> None:
    teacher = build_model(2)
    theirs = PixelScale((0.1, 0.2, 0.3), (0.5, 0.6, 0.7))
    source = OtherFeatures(
        FeaturesTarget(source="x"), Teacher(teacher.encoder, CONFIG, theirs), SCALE
    )
    unit = torch.rand(2, 3, 8, 8, generator=torch_generator(4))
    found = source.measure(SCALE.to_model(unit))
    expected = last_block_features(teacher.encoder, patchify(theirs.to_model(unit), 2), 3)
    assert torch.allclose(found, expected, atol=1e-4)
    assert list(source.state_dict()) == ["_extra_state"]
    assert list(source.parameters()) == []


def test_other_weights_are_refused_when_a_run_goes_on() -> None:
    sources = [
        OtherFeatures(
            FeaturesTarget(source="runs/teacher"),
            Teacher(build_model(seed).encoder, CONFIG, SCALE),
            SCALE,
        )
        for seed in (0, 0, 1)
    ]
    sources[1].load_state_dict(sources[0].state_dict())
    with pytest.raises(MaskwrightError, match=r"'runs/teacher'.*other weights"):
        sources[2].load_state_dict(sources[0].state_dict())


def test_spread_is_one_for_unrelated_pictures_and_none_for_places_alone() -> None:
    values = torch.randn(512, 4, 8, generator=torch_generator(0))
    assert float(measure_spread(values)) == pytest.approx(1, abs=0.01)
    assert float(measure_spread(values[:1].expand(512, -1, -1))) < 1e-5
    assert float(measure_spread(torch.zeros(8, 4, 8))) == 0
