"""A scorer learns on a frozen autoencoder, and nothing else moves."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import Tensor

from maskwright.evaluation.selection import choose_kept, measure_filled
from maskwright.models.autoencoder import MaskedAutoencoder
from maskwright.models.config import ModelConfig
from maskwright.models.scorer import CnnScorer, Scorer, keep_logit
from maskwright.models.selection import pick
from maskwright.patches.mask import PatchMask
from maskwright.patches.pixels import PixelScale, patchify
from maskwright.schedules import Cosine
from maskwright.support.seeding import sample_rng, torch_generator
from maskwright.training.clock import Clock
from maskwright.training.schedule_lr import LearningRate
from maskwright.training.selector import SelectModule, SelectStepSettings

CONFIG = ModelConfig(
    image_size=(16, 16),
    patch_size=4,
    channels=1,
    width=24,
    depth=2,
    heads=2,
    decoder_width=32,
    decoder_depth=1,
    decoder_heads=2,
    target="raw",
)
SCALE = PixelScale((0.5,), (0.25,))
CPU = torch.device("cpu")


def build_recipe(**changes: Any) -> SelectStepSettings:
    numbers: dict[str, Any] = {
        "seed": 0,
        "rate": LearningRate(2e-3),
        "weight_decay": 0.05,
        "beta2": 0.95,
        "clip": 1.0,
        "encode": "kept",
        "mix": "sample",
        "sparsity": 0.2,
        "entropy": 1e-6,
        "temperature": Cosine(1.0, 0.5),
        "temperature_steps": 2000,
    }
    return SelectStepSettings(**{**numbers, **changes})


def build_module(
    model: MaskedAutoencoder | None = None, cnn: bool = False, **changes: Any
) -> SelectModule:
    model = model or MaskedAutoencoder(CONFIG)
    scorer = CnnScorer(model.grid, 16, 16, 2) if cnn else Scorer(model.grid, 16, 32, 1, 2)
    return SelectModule(model, scorer, SCALE, build_recipe(**changes), Clock(100))


def draw_images(count: int, seed: int = 0) -> Tensor:
    """Gray pictures of one even tone with noise in four patches at random places: all that cannot
    be guessed is there.
    """
    rng = torch_generator(seed)
    patches = torch.full((count, 16, 16), 128.0)
    busy = torch.rand(count, 16, generator=rng).argsort(1) < 4
    patches[busy] = torch.randint(0, 2, (int(busy.sum()), 16), generator=rng).float() * 255
    return (
        patches.reshape(count, 4, 4, 4, 4).permute(0, 1, 3, 2, 4).reshape(count, 1, 16, 16).byte()
    )


def step(module: SelectModule, images: Tensor) -> Tensor:
    return module.training_step(
        SimpleNamespace(images=images, sample_ids=torch.arange(len(images)))
    )


def test_the_temperature_falls_from_exactly_one_to_exactly_a_half_and_stays() -> None:
    recipe = build_recipe()
    assert recipe.temperature_at(0) == 1.0
    assert recipe.temperature_at(2000) == 0.5
    assert recipe.temperature_at(50_000) == 0.5
    assert recipe.temperature_at(1000) == pytest.approx(0.75)
    falling = [recipe.temperature_at(at) for at in range(0, 2001, 100)]
    assert falling == sorted(falling, reverse=True)


@pytest.mark.parametrize(
    ("encode", "mix"),
    [("kept", "sample"), ("all", "sample"), ("all", "linear"), ("all", "interpolate")],
)
@pytest.mark.parametrize("cnn", [False, True])
def test_the_slope_reaches_the_whole_scorer_and_nothing_of_the_autoencoder(
    encode: str, mix: str, cnn: bool
) -> None:
    module = build_module(encode=encode, mix=mix, cnn=cnn)
    step(module, draw_images(4)).backward()
    assert all(
        parameter.grad is not None and parameter.grad.abs().sum() > 0
        for parameter in module.scorer.parameters()
    )
    assert all(parameter.grad is None for parameter in module.model.parameters())


def test_the_optimizer_knows_the_scorer_alone() -> None:
    module = build_module()
    optimizer = module.configure_optimizers()
    reported = sum(
        parameter.numel() for group in optimizer.param_groups for parameter in group["params"]
    )
    assert reported == sum(parameter.numel() for parameter in module.scorer.parameters())


def test_training_keeps_what_evaluation_keeps_when_noise_and_temperature_are_taken_away(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from maskwright.support.seeding import KeyedRng

    monkeypatch.setattr(
        KeyedRng, "logistic", lambda self, *shape: torch.zeros(self.batch_size, *shape)
    )
    module = build_module(temperature=Cosine(1e-4, 1e-4))
    images = draw_images(8)
    score = module.scorer(patchify(SCALE.to_model(images), 4))
    soft, keep = module.draw_keep(score, torch.arange(8))
    at_evaluation = pick(choose_kept(module.scorer, images, SCALE, 4, CPU))
    assert torch.equal(keep.bool(), at_evaluation)
    assert torch.equal(pick(soft - 0.5), at_evaluation)
    assert 0 < at_evaluation.float().mean() < 1


def test_interpolation_keeps_by_the_score_itself_without_noise_or_temperature() -> None:
    score = torch.randn(6, 16, generator=torch_generator(0))
    module = build_module(encode="all", mix="interpolate")
    soft, keep = module.draw_keep(score, torch.arange(6))
    assert torch.equal(soft, torch.sigmoid(-score))
    assert torch.equal(keep, soft)
    other = build_module(encode="all", mix="interpolate", temperature=Cosine(0.1, 0.1))
    assert torch.equal(other.draw_keep(score, torch.arange(6) + 9)[1], keep)


def test_a_draw_depends_on_the_sample_and_not_on_its_batch() -> None:
    module = build_module()
    score = torch.randn(6, 16, generator=torch_generator(0))
    together, _ = module.draw_keep(score, torch.arange(6))
    alone, _ = module.draw_keep(score[4:5], torch.tensor([4]))
    assert torch.equal(together[4:5], alone)


def test_evaluation_is_without_chance() -> None:
    module, images = build_module(), draw_images(8)
    first, second = (pick(choose_kept(module.scorer, images, SCALE, 4, CPU)) for _ in range(2))
    assert torch.equal(first, second)
    errors = [
        measure_filled(module.model.fill_in, module.model, images, first, SCALE, CPU).mse
        for _ in range(2)
    ]
    assert torch.equal(*errors)


def trained_autoencoder() -> MaskedAutoencoder:
    """A tiny autoencoder that has learned that what it cannot see is an even tone."""
    model = MaskedAutoencoder(CONFIG)
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3)
    for turn in range(60):
        images = SCALE.to_model(draw_images(32, seed=turn))
        order = sample_rng(0, turn, torch.arange(32)).bits(16).argsort(1).argsort(1)
        prediction = model(images, PatchMask.from_is_masked(order < 10))
        optimizer.zero_grad()
        (prediction.values - prediction.targets()).square().mean().backward()
        optimizer.step()
    return model


@pytest.mark.slow
@pytest.mark.parametrize(("encode", "mix"), [("kept", "sample"), ("all", "linear")])
def test_a_scorer_learns_to_keep_the_patches_that_cannot_be_guessed(encode: str, mix: str) -> None:
    model = trained_autoencoder()
    module = build_module(model, encode=encode, mix=mix, temperature_steps=100)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    optimizer = module.configure_optimizers()
    for group in optimizer.param_groups:
        group["lr"] = 2e-3
    for turn in range(150):
        optimizer.zero_grad()
        step(module, draw_images(32, seed=1000 + turn)).backward()
        optimizer.step()
    assert all(torch.equal(before[name], value) for name, value in model.state_dict().items())
    images = draw_images(64, seed=5)
    is_kept = pick(choose_kept(module.scorer, images, SCALE, 4, CPU))
    is_busy = patchify(images.float(), 4).std(-1) > 1
    assert float(is_kept.float().mean()) < 0.4
    assert float((is_kept & is_busy).sum() / is_busy.sum()) > 0.9
    by_chance = sample_rng(0, 0, torch.arange(64)).bits(16).argsort(1).argsort(1) < is_kept.sum(
        1, keepdim=True
    )
    errors = [
        float(measure_filled(model.fill_in, model, images, kept, SCALE, CPU).mse.mean())
        for kept in (is_kept, by_chance)
    ]
    assert errors[0] < 0.5 * errors[1]


def test_the_sign_of_a_score_is_the_contracts() -> None:
    score = torch.tensor([[2.0, -2.0]])
    assert pick(keep_logit(score)).tolist() == [[False, True]]
