"""A subject's probe is that of `maskwright evaluate`, fitted once; raw pixels have no tokens."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from tests.diagnostics.pictures import MemoryPictures, raw_subject

from maskwright.evaluation.linear_probe import measure_linear_probe
from maskwright.evaluation.subject import Subject
from maskwright.models.config import ModelConfig
from maskwright.models.image_encoder import ImageEncoder
from maskwright.support.errors import MaskwrightError


def pictures(count: int, seed: int) -> MemoryPictures:
    labels = torch.arange(count) % 3
    noise = torch.randint(0, 150, (count, 3, 16, 16), generator=torch.Generator().manual_seed(seed))
    return MemoryPictures((noise + 20 * labels[:, None, None, None]).to(torch.uint8), labels)


def encoder(class_token: bool = True) -> Subject:
    config = ModelConfig(
        image_size=(16, 16), patch_size=4, width=24, depth=1, heads=2, class_token=class_token
    )
    return replace(raw_subject(pictures(60, 0), "tiny"), model=ImageEncoder(config))


def test_the_fixed_probe_answers_as_the_linear_probe_of_evaluate_does() -> None:
    subject, test = encoder(), pictures(50, 1)
    measured = measure_linear_probe(subject.features_of(subject.train), subject.features_of(test))
    answers = torch.cat([subject.decide(batch.images) for batch in test]) == test.labels
    assert torch.equal(answers, measured.answers.correct)
    assert (subject.probe.pooling, subject.probe.penalty) == (measured.pooling, measured.penalty)


def test_the_probe_is_fitted_once() -> None:
    subject = encoder()
    assert subject.probe is subject.probe


@pytest.mark.parametrize("class_token", [True, False])
def test_tokens_hold_prefix_and_patches_and_features_pool_them(class_token: bool) -> None:
    subject, images = encoder(class_token), pictures(5, 2).images
    tokens, features = subject.tokens(images), subject.features(images)
    assert tokens.shape == (5, subject.num_prefix + 16, 24)
    torch.testing.assert_close(features.mean, tokens[:, subject.num_prefix :].mean(1))
    assert (features.cls is not None) == class_token
    assert subject.predict(images).shape == (5, 3)


def test_raw_pixels_have_a_probe_and_no_tokens() -> None:
    subject = raw_subject(pictures(30, 0))
    assert not subject.has_tokens
    assert subject.predict(pictures(4, 1).images).shape == (4, 3)
    with pytest.raises(MaskwrightError, match="'raw pixels' has no tokens"):
        subject.tokens(pictures(1, 1).images)
