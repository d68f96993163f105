"""Pooling tokens into vectors, with the encoder left as it was found."""

from types import SimpleNamespace

import pytest
import torch
from torch import nn

from maskwright.evaluation.features import (
    Features,
    Labeled,
    PrefixTokens,
    extract_features,
    raw_pixel_features,
)
from maskwright.patches import PixelScale, patchify
from maskwright.support.errors import MaskwrightError

SCALE = PixelScale((0.5, 0.5, 0.5), (0.25, 0.25, 0.25))
CPU = torch.device("cpu")


class TinyEncoder(nn.Module):
    """Patches through one linear layer with dropout, behind a class token and a register."""

    def __init__(self, num_prefix=2):
        super().__init__()
        self.embed = nn.Linear(4 * 4 * 3, 5)
        self.drop = nn.Dropout(0.5)
        self.prefix = nn.Parameter(torch.arange(num_prefix * 5.0).view(1, num_prefix, 5))

    def encode(self, images):
        tokens = self.drop(self.embed(patchify(images, 4)))
        return torch.cat([self.prefix.expand(len(images), -1, -1), tokens], dim=1)

    forward = encode


def batches(sizes=(3, 2), labels=True):
    generator = torch.Generator().manual_seed(0)
    for size in sizes:
        images = torch.randint(0, 256, (size, 3, 8, 12), dtype=torch.uint8, generator=generator)
        yield SimpleNamespace(images=images, labels=torch.arange(size) if labels else None)


def features_of(model, **more):
    return extract_features(
        model.encode,
        more.pop("data", None) or batches(),
        prefix=more.pop("prefix", PrefixTokens(2)),
        scale=SCALE,
        device=CPU,
        **more,
    )


def test_the_class_token_and_the_mean_patch_token_are_pooled_without_the_registers():
    model = TinyEncoder().eval()
    found = features_of(model)
    images = torch.cat([batch.images for batch in batches()])
    expected = model.embed(patchify(SCALE.to_model(images), 4)).mean(1)
    assert torch.allclose(found.mean, expected, atol=1e-6)
    assert torch.equal(found.cls, model.prefix[:, 0].expand(5, -1))
    assert found.labels.tolist() == [0, 1, 2, 0, 1]


def test_both_is_class_token_and_mean_side_by_side():
    found = features_of(TinyEncoder())
    assert torch.equal(found.pooled("both"), torch.cat([found.cls, found.mean], dim=1))


def test_dropout_is_off_and_each_part_gets_its_own_mode_back():
    model = TinyEncoder().train()
    model.embed.eval()
    first, second = features_of(model), features_of(model)
    assert torch.equal(first.mean, second.mean)
    assert (model.training, model.drop.training, model.embed.training) == (True, True, False)


def test_modes_come_back_even_when_the_encoder_fails():
    model = TinyEncoder().train()
    with pytest.raises(RuntimeError):
        extract_features(
            model,
            batches(),
            prefix=PrefixTokens(2),
            scale=PixelScale((0.5,) * 2, (1.0,) * 2),
            device=CPU,
        )
    assert model.training


def test_a_module_works_like_its_bound_method():
    model = TinyEncoder().train()
    called = extract_features(model, batches(), prefix=PrefixTokens(2), scale=SCALE, device=CPU)
    assert torch.equal(called.mean, features_of(model).mean)
    assert model.training


def test_no_gradients_are_recorded():
    assert not features_of(TinyEncoder()).mean.requires_grad


def test_batches_of_another_size_give_the_same_features():
    model = TinyEncoder()
    whole = next(batches((4,)))
    parts = [
        SimpleNamespace(images=whole.images[i : i + 1], labels=whole.labels[i : i + 1])
        for i in range(4)
    ]
    assert torch.allclose(
        features_of(model, data=[whole]).mean, features_of(model, data=parts).mean, atol=1e-6
    )


def test_bfloat16_gives_float32_features_near_the_exact_ones():
    model = TinyEncoder()
    rough = features_of(model, precision=torch.bfloat16)
    exact = features_of(model)
    assert rough.mean.dtype == torch.float32
    assert not torch.equal(rough.mean, exact.mean)
    assert torch.allclose(rough.mean, exact.mean, atol=0.05)


def test_without_a_class_token_only_the_mean_is_offered():
    model = TinyEncoder(num_prefix=0)
    found = extract_features(model, batches(), prefix=PrefixTokens(0), scale=SCALE, device=CPU)
    assert found.poolings == ("mean",)
    with pytest.raises(MaskwrightError, match="use mean"):
        found.pooled("cls")


def test_a_register_alone_does_not_pose_as_a_class_token():
    assert features_of(TinyEncoder(), prefix=PrefixTokens(2, has_class=False)).cls is None


def test_an_unknown_pooling_names_the_nearest():
    with pytest.raises(MaskwrightError, match="Did you mean 'mean'"):
        Features(None, torch.zeros(1, 2)).pooled("meen")


def test_probing_unlabeled_images_says_what_to_do():
    found = features_of(TinyEncoder(), data=list(batches(labels=False)))
    assert found.labels is None
    with pytest.raises(MaskwrightError, match="one sub-folder per class"):
        found.labeled("mean")


def test_no_images_is_an_error():
    with pytest.raises(MaskwrightError, match="no images"):
        extract_features(TinyEncoder(), [], prefix=PrefixTokens(2), scale=SCALE, device=CPU)


def test_vectors_and_labels_must_be_as_many():
    with pytest.raises(MaskwrightError, match="one label"):
        Labeled(torch.zeros(3, 2), torch.zeros(2, dtype=torch.long))


def test_raw_pixels_are_averaged_areas_in_unit_range():
    images = torch.zeros(1, 1, 4, 4, dtype=torch.uint8)
    images[..., 2:] = 255
    found = raw_pixel_features([SimpleNamespace(images=images, labels=None)], side=2)
    assert found.mean.tolist() == [[0, 1, 0, 1]]


def test_raw_pixels_of_small_images_are_not_enlarged():
    found = raw_pixel_features(
        [SimpleNamespace(images=torch.zeros(2, 3, 4, 8, dtype=torch.uint8), labels=None)], side=6
    )
    assert found.mean.shape == (2, 3 * 4 * 6)


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_features_that_are_not_finite_are_refused_before_a_probe(value: float) -> None:
    mean = torch.zeros(5, 3)
    mean[2, 1] = value
    with pytest.raises(MaskwrightError, match="features of 1 of 5 pictures are not finite"):
        Features(None, mean)
    with pytest.raises(MaskwrightError, match="features of 1 of 5 pictures are not finite"):
        Features(mean, torch.zeros(5, 3))
