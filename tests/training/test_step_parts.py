"""Parts of a step: pictures that draw their own ratios, exact counts, and losses that add up."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor

from maskwright.data.loader import Batch
from maskwright.losses.objective import build_objective
from maskwright.masking.catalog import build_policy
from maskwright.models.autoencoder import MaskedAutoencoder
from maskwright.patches import PixelScale, visible_count
from maskwright.schedules import parse_schedule
from maskwright.support.seeding import torch_generator
from maskwright.training.clock import Clock
from maskwright.training.masker import Masker, MaskerSettings
from maskwright.training.module import PretrainModule
from maskwright.training.pretrain_parts import PretrainParts, PretrainStepSettings, training_cost
from maskwright.training.schedule_lr import LearningRate
from maskwright.training.shown import Shown, show
from maskwright.training.step_parts import mean_row, parts_of
from tests.small_models import TINY

SCALE = PixelScale((0.5,) * 3, (0.25,) * 3)
BY_PICTURE = "uniform(0.25, 0.9, per=picture)"


def settings(ratio: str = BY_PICTURE) -> MaskerSettings:
    return MaskerSettings(ratio=parse_schedule(ratio), seed=0)


def batch(count: int, keys: bool = False) -> Batch:
    rng = torch_generator(0, "images")
    return Batch(
        images=torch.randint(0, 256, (count, 3, 16, 16), generator=rng, dtype=torch.uint8),
        sample_ids=torch.arange(count) + 100,
        labels=None,
        priors={"map": torch.rand(count, 16, generator=rng)},
        views=torch.arange(count)[:, None].float().expand(-1, 5),
        keys=tuple(f"picture {row}" for row in range(count)) if keys else None,
    )


def parts(shown: Shown, ratio: str = BY_PICTURE, epoch: int = 0, step: int = 0) -> Any:
    return parts_of(settings(ratio), shown, epoch=epoch, step=step, progress=0.0)


def ratio_of_each(shown: Shown, **options: Any) -> dict[int, float]:
    """Sample id -> ratio."""
    return {
        int(sample): part.ratio
        for part in parts(shown, **options)
        for sample in part.shown.sample_ids
    }


def module(ratio: str, policy: str = "random", repeats: int = 1) -> PretrainModule:
    model = MaskedAutoencoder(TINY)
    masker = Masker(build_policy(policy), settings(ratio), model.grid, SCALE)
    step = PretrainStepSettings(
        seed=0,
        optimizer="adamw",
        rate=LearningRate(1e-3, 0.0, 0.0),
        weight_decay=0.0,
        beta2=0.95,
        clip=0.0,
        masks_per_image=repeats,
    )
    built = PretrainParts(model=model, masker=masker, objective=build_objective("mse"))
    return PretrainModule(built, step, Clock(10), {})


def gradient(of: PretrainModule) -> Tensor:
    return of.model.encoder.patch_embed.proj.weight.grad


def test_a_ratio_for_a_batch_is_one_part_with_everything_as_it_is() -> None:
    shown = show(batch(5), SCALE)
    (only,) = parts(shown, ratio="uniform(0.25, 0.9)")
    assert only.shown is shown
    assert only.share == 1.0


def test_every_picture_is_in_one_part_with_all_that_belongs_to_it() -> None:
    shown = show(batch(40, keys=True), SCALE)
    found = parts(shown)
    assert len(found) > 3
    assert sum(part.share for part in found) == pytest.approx(1)
    for part in found:
        rows = part.shown.sample_ids - 100
        assert torch.equal(part.shown.images, shown.images[rows])
        assert torch.equal(part.shown.priors["map"], shown.priors["map"][rows])
        assert torch.equal(part.shown.views[:, 0].long(), rows)
        assert list(part.shown.keys) == [f"picture {row}" for row in rows]
    every = torch.cat([part.shown.sample_ids for part in found]).sort().values
    assert torch.equal(every, shown.sample_ids)


def test_a_ratio_belongs_to_picture_and_epoch_whatever_the_step_and_the_batch() -> None:
    shown = show(batch(30), SCALE)
    drawn = ratio_of_each(shown)
    some = replace(shown, sample_ids=shown.sample_ids.flip(0))
    assert ratio_of_each(some, step=9) == drawn
    assert ratio_of_each(shown, epoch=1) != drawn


def test_all_masks_of_a_picture_share_its_ratio() -> None:
    shown = show(batch(12), SCALE, repeats=3)
    for part in parts(shown):
        pictures = part.shown.picture_ids
        # repetition after repetition, the same pictures in the same order
        first = pictures[: len(pictures) // 3]
        assert torch.equal(pictures, first.repeat(3))


def test_values_are_equally_spaced_levels_and_as_frequent_as_each_other() -> None:
    ids = torch.arange(7000)
    shown = Shown(
        images=torch.zeros(7000, 1), sample_ids=ids, mask_ids=None, priors={}, views=ids[:, None]
    )
    found = parts(shown, ratio="uniform(0.6, 0.9, per=picture)")
    assert [part.ratio for part in found] == pytest.approx([0.6, 0.65, 0.7, 0.75, 0.8, 0.85, 0.9])
    assert all(abs(part.share - 1 / 7) < 0.02 for part in found)


@pytest.mark.parametrize("policy", ["random", "block(size=2)", "green"])
def test_each_picture_has_the_count_of_its_ratio_and_costs_what_it_computes(policy: str) -> None:
    of, data = module(BY_PICTURE, policy), batch(24)
    ratios = ratio_of_each(show(data, SCALE)).values()
    of.training_step(data)
    visible = [visible_count(16, ratio) for ratio in ratios]
    prefix = TINY.num_prefix
    assert of.counts["images"] == 24
    assert of.counts["encoder_tokens"] == sum(visible) + 24 * prefix
    assert of.counts["decoder_tokens"] == sum(16 - count for count in visible)
    flops = sum(training_cost(TINY, count, 16 - count) for count in visible)
    assert of.counts["model_flops"] == flops
    assert of.latest["masked"] == pytest.approx(1 - sum(visible) / (24 * 16))
    assert of.latest["num_visible"] == pytest.approx(sum(visible) / 24)


def test_loss_and_gradient_are_the_mean_over_pictures_each_trained_alone() -> None:
    of, alone, data = module(BY_PICTURE), module(BY_PICTURE), batch(12)
    loss = of.training_step(data)
    loss.backward()
    losses = []
    for row in range(12):
        one = data._replace(
            images=data.images[row : row + 1],
            sample_ids=data.sample_ids[row : row + 1],
            priors={"map": data.priors["map"][row : row + 1]},
            views=data.views[row : row + 1],
        )
        single = alone.training_step(one)
        (single / 12).backward()
        losses.append(single.item())
    assert loss.item() == pytest.approx(sum(losses) / 12, rel=1e-5)
    assert float(of.latest["loss"]) == pytest.approx(sum(losses) / 12, rel=1e-5)
    torch.testing.assert_close(gradient(of), gradient(alone), rtol=1e-4, atol=1e-7)


def test_a_fixed_ratio_written_as_a_draw_of_its_own_trains_the_same() -> None:
    fixed, drawn, data = module("0.5"), module("uniform(0.5, 0.5, per=picture)"), batch(8)
    first, second = fixed.training_step(data), drawn.training_step(data)
    assert first.item() == second.item()
    assert fixed.counts == drawn.counts


def test_a_mean_row_leaves_out_what_some_parts_have_not() -> None:
    rows: list[dict[str, Tensor | float]] = [{"loss": 1.0, "loss_policy": 2.0}, {"loss": 3.0}]
    assert mean_row(rows, [0.25, 0.75]) == {"loss": 2.5}
