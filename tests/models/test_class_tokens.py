"""Several class tokens: their mean is the class feature wherever features are read."""

from __future__ import annotations

import dataclasses

import pytest
import torch
from tests.small_models import TINY
from torch import Tensor

from maskwright.evaluation.layer_features import extract_layers
from maskwright.evaluation.readout import READOUTS, Reader
from maskwright.models.attention_map import attention_by_head, attention_by_layer
from maskwright.models.autoencoder import MaskedAutoencoder
from maskwright.models.classifier import Classifier
from maskwright.models.encoder import class_feature
from maskwright.patches import split
from maskwright.patches.pixels import PixelScale, patchify
from maskwright.support.errors import MaskwrightError
from maskwright.support.seeding import sample_rng, torch_generator

CONFIG = dataclasses.replace(TINY, positions="learned", class_tokens=3, registers=2)


def images() -> Tensor:
    return torch.randn(2, 3, 16, 16, generator=torch_generator(3))


def test_the_prefix_holds_class_tokens_first_and_registers_behind_them() -> None:
    model = MaskedAutoencoder(CONFIG)
    assert (CONFIG.num_class, CONFIG.num_prefix) == (3, 5)
    tokens = model.encode(images())
    assert tokens.shape == (2, 5 + 16, 24)
    torch.testing.assert_close(class_feature(tokens, CONFIG), tokens[:, :3].mean(1))
    none = dataclasses.replace(CONFIG, class_token=False)
    assert (none.num_class, none.num_prefix) == (0, 2)
    assert class_feature(MaskedAutoencoder(none).encode(images()), none) is None


def test_one_class_token_is_its_own_mean() -> None:
    one = dataclasses.replace(CONFIG, class_tokens=1)
    tokens = MaskedAutoencoder(one).encode(images())
    feature = class_feature(tokens, one)
    assert feature is not None
    assert torch.equal(feature, tokens[:, 0])


def test_probes_losses_and_classifiers_read_the_mean() -> None:
    model = MaskedAutoencoder(CONFIG).eval()
    expected = model.encode(images())[:, :3].mean(1)
    read = Reader(model, READOUTS["last"]).read(images())
    torch.testing.assert_close(read.cls, expected)

    mask = split(torch.zeros(2, 16), 4, rng=sample_rng(0, 0, torch.arange(2)))
    prediction = model(images(), mask)
    assert prediction.num_prefix == 5
    torch.testing.assert_close(prediction.embedding("class"), prediction.latent[:, :3].mean(1))

    classifier = Classifier(CONFIG, 4, pooling="cls")
    tokens = classifier.encode(images())
    torch.testing.assert_close(classifier.pool(tokens), tokens[:, :3].mean(1))


def test_features_by_layer_end_in_the_same_mean() -> None:
    model = MaskedAutoencoder(CONFIG).eval()
    pixels = torch.randint(0, 256, (2, 3, 16, 16), dtype=torch.uint8, generator=torch_generator(1))
    scale = PixelScale((0.5,) * 3, (0.5,) * 3)
    batch = type("Batch", (), {"images": pixels, "labels": None})()
    layers = extract_layers(model, [batch], scale=scale, device=torch.device("cpu"))
    expected = model.encode(scale.to_model(pixels))[:, :3].mean(1)
    assert layers.cls is not None
    torch.testing.assert_close(layers.cls[-1], expected)


def test_attention_is_the_mean_over_class_tokens() -> None:
    encoder = MaskedAutoencoder(CONFIG).encoder
    patches = patchify(images(), 4)
    last = [*attention_by_layer(encoder, patches)][-1]
    asked = last[:, :, :3].mean(2)[:, :, 5:]
    torch.testing.assert_close(
        attention_by_head(encoder, patches), asked / asked.sum(-1, keepdim=True)
    )


def test_no_class_tokens_at_all_is_refused() -> None:
    with pytest.raises(MaskwrightError, match="class_tokens"):
        dataclasses.replace(CONFIG, class_tokens=0)
