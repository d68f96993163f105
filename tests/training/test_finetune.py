"""The parts of fine-tuning: rates by layer, stochastic depth, mixed and strongly changed pictures,
all seeded and nowhere else.
"""

from __future__ import annotations

import random

import numpy as np
import pytest
import torch

from maskwright.data.augment.strong import StrongChanges
from maskwright.models.classifier import Classifier, draw_shares
from maskwright.models.config import ModelConfig
from maskwright.patches.pixels import PixelScale
from maskwright.support.errors import MaskwrightError
from maskwright.training.clock import Clock
from maskwright.training.finetune import (
    Averaging,
    FinetuneModule,
    FinetuneStepSettings,
    warmed_average,
)
from maskwright.training.layer_decay import build_layered_optimizer
from maskwright.training.schedule_lr import LearningRate

CONFIG = ModelConfig(image_size=(16, 16), patch_size=4, width=24, depth=3, heads=2)
SCALE = PixelScale((0.5, 0.4, 0.3), (0.2, 0.25, 0.3))


def _recipe(**changes: float) -> FinetuneStepSettings:
    plain = {
        "weight_decay": 0.05,
        "layer_decay": 0.5,
        "drop_path": 0.5,
        "mixup": 0.8,
        "cutmix": 1.0,
        "mix_prob": 1.0,
        "smoothing": 0.1,
    }
    return FinetuneStepSettings(
        **{**plain, "clip": 1.0, "ema": 0.0, **changes}, seed=3, rate=LearningRate(1e-3)
    )  # type: ignore[arg-type]


def _module(**changes: float) -> FinetuneModule:
    return FinetuneModule(Classifier(CONFIG, 5), SCALE, _recipe(**changes), Clock(10), {})


def test_each_block_learns_half_as_fast_as_the_one_above() -> None:
    model = Classifier(CONFIG, 5)
    optimizer = build_layered_optimizer(model, weight_decay=0.05, layer_decay=0.5)
    scale = {
        id(value): group["lr_scale"]
        for group in optimizer.param_groups
        for value in group["params"]
    }
    decay = {
        id(value): group["weight_decay"]
        for group in optimizer.param_groups
        for value in group["params"]
    }
    reported = {
        name: scale[id(value)] for name, value in model.named_parameters() if value.requires_grad
    }
    assert reported["head.weight"] == reported["fc_norm.bias"] == 1
    assert [reported[f"encoder.blocks.{place}.mlp.fc1.weight"] for place in range(3)] == [
        1 / 8,
        1 / 4,
        1 / 2,
    ]
    assert reported["encoder.patch_embed.proj.weight"] == reported["encoder.cls_token"] == 1 / 16
    assert optimizer.param_groups[0]["lr_scale"] == 1  # what the log shows is the head's rate
    assert decay[id(model.head.weight)] == 0.05
    assert decay[id(model.head.bias)] == decay[id(model.encoder.cls_token)] == 0


def test_skipped_branches_keep_the_mean_and_rise_with_depth() -> None:
    shares = draw_shares(torch.rand(20_000, 3, 2, generator=torch.Generator().manual_seed(0)), 0.4)
    torch.testing.assert_close(shares.mean((0, 2)), torch.ones(3), rtol=0, atol=0.02)
    torch.testing.assert_close(
        (shares == 0).float().mean((0, 2)), torch.tensor([0.0, 0.2, 0.4]), rtol=0, atol=0.01
    )


def test_an_image_that_skips_a_branch_skips_it_alone_and_answers_have_no_chance() -> None:
    model = Classifier(CONFIG, 5).eval()
    torch.nn.init.normal_(model.head.weight, generator=torch.Generator().manual_seed(0))
    images = torch.randn(2, 3, 16, 16, generator=torch.Generator().manual_seed(1))
    shares = torch.ones(2, 3, 2)
    whole = model.classify(images)
    torch.testing.assert_close(model.classify(images, shares), whole)
    shares[1, 2, 1] = 0
    dropped = model.classify(images, shares)
    torch.testing.assert_close(dropped[0], whole[0])
    assert not torch.allclose(dropped[1], whole[1])


def test_the_first_answers_are_nearly_alike_and_a_class_token_is_asked_for() -> None:
    images = torch.randn(2, 3, 16, 16, generator=torch.Generator().manual_seed(1))
    assert Classifier(CONFIG, 5).classify(images).abs().max() < 1e-2
    with pytest.raises(MaskwrightError, match="needs a class token"):
        Classifier(ModelConfig(image_size=(16, 16), patch_size=4, class_token=False), 5, "cls")


def test_mixing_depends_on_the_step_and_touches_no_global_chance() -> None:
    module = _module()
    images, labels = (
        torch.randn(4, 3, 16, 16, generator=torch.Generator().manual_seed(0)),
        torch.tensor([0, 1, 2, 3]),
    )
    random.seed(7)
    np.random.seed(7)
    before = (random.getstate(), np.random.get_state()[1].tolist())
    (one, targets), (two, again) = (module.mix_batch(images.clone(), labels) for _ in range(2))
    assert (random.getstate(), np.random.get_state()[1].tolist()) == before
    assert torch.equal(one, two)
    assert torch.equal(targets, again)
    torch.testing.assert_close(targets.sum(1), torch.ones(4))
    assert not torch.equal(one, images)


def test_without_mixing_targets_are_the_labels_smoothed() -> None:
    _, targets = _module(mix_prob=0.0).mix_batch(torch.zeros(1, 3, 16, 16), torch.tensor([2]))
    torch.testing.assert_close(targets, torch.tensor([[0.02, 0.02, 0.92, 0.02, 0.02]]))


def test_an_average_follows_fast_at_first_and_slowly_later() -> None:
    average = warmed_average(0.9)
    old, new = torch.zeros(1), torch.ones(1)
    assert average(old, new, torch.tensor(1)) == pytest.approx(1 - 2 / 11)
    assert average(old, new, torch.tensor(1000)) == pytest.approx(0.1)


def test_the_average_moves_after_each_step_and_answers_in_place_of_the_weights() -> None:
    module = _module(ema=0.9)
    first = module.model.head.bias.detach().clone()
    for step in range(2):
        with torch.no_grad():
            module.model.head.bias.copy_(first + step + 1)
        Averaging().on_train_batch_end(None, module)  # type: ignore[arg-type]
    # the first update takes the weights as they are; the second keeps (1 + 1) / (10 + 1) of them
    wanted = 2 / 11 * (first + 1) + 9 / 11 * (first + 2)
    torch.testing.assert_close(module.answering.head.bias, wanted)
    assert module.answering is not module.model
    assert _module(ema=0.0).answering.head.bias.requires_grad, (
        "without an average the weights answer"
    )


@pytest.mark.parametrize("channels", [1, 3])
def test_a_picture_is_changed_alike_whatever_its_batch(channels: int) -> None:
    scale = PixelScale(SCALE.mean[:channels], SCALE.std[:channels])
    strong = StrongChanges(
        rand_augment="rand-m9-mstd0.5-inc1", erase=0.5, scale=scale, size=(16, 16), seed=0
    )
    images = torch.randint(
        0,
        256,
        (12, channels, 16, 16),
        dtype=torch.uint8,
        generator=torch.Generator().manual_seed(0),
    )
    ids = torch.arange(12)
    whole = strong(images, 4, ids)
    assert torch.equal(strong(images[5:8], 4, ids[5:8]), whole[5:8])
    assert not torch.equal(strong(images, 5, ids), whole)
    assert not torch.equal(whole, images)


def test_the_largest_magnitude_works_with_this_pillow() -> None:
    strong = StrongChanges(
        rand_augment="rand-m10-n4-p1-inc1", erase=0, scale=SCALE, size=(16, 16), seed=0
    )
    images = torch.randint(
        0, 256, (40, 3, 16, 16), dtype=torch.uint8, generator=torch.Generator().manual_seed(0)
    )
    assert strong(images, 0, torch.arange(40)).shape == images.shape


def test_erased_rectangles_are_noise_of_the_datas_own_colors() -> None:
    strong = StrongChanges(rand_augment="none", erase=1.0, scale=SCALE, size=(32, 32), seed=0)
    images = torch.zeros(200, 3, 32, 32, dtype=torch.uint8)
    erased = strong(images, 0, torch.arange(200))
    changed = (erased != 0).any(1).float().mean((1, 2))
    assert ((changed > 0.01) & (changed < 0.4)).all()
    inside = erased.permute(1, 0, 2, 3)[:, (erased != 0).any(1)].float() / 255
    torch.testing.assert_close(inside.mean(1), torch.tensor(SCALE.mean), rtol=0, atol=0.03)


def test_words_that_timm_does_not_take_are_told() -> None:
    with pytest.raises(
        MaskwrightError, match=r"rand_augment takes timm's words, .* got 'autoaugment'"
    ):
        StrongChanges(rand_augment="autoaugment", erase=0, scale=SCALE, size=(16, 16), seed=0)
    with pytest.raises(MaskwrightError, match="these have 4 channels"):
        StrongChanges(
            rand_augment="rand-m9",
            erase=0,
            scale=PixelScale((0.5,) * 4, (0.2,) * 4),
            size=(16, 16),
            seed=0,
        )
