"""A budget buys every arm the steps that cost the same; what is charged is what a training really
does.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

import maskwright
from maskwright.data.sources.open import open_source
from maskwright.models.cost import count_step
from maskwright.studies.budget import Budget, spent
from maskwright.studies.step_cost import cost_of_step, planned
from maskwright.support.reporting import LogReporter
from maskwright.training.clock import Clock
from maskwright.workflows.building.model_shape import model_config
from maskwright.workflows.building.module import build_module
from maskwright.workflows.loading.batches import build_batches
from maskwright.workflows.loading.pictures import Pictures, eval_batch, load
from maskwright.workflows.pretrain import complete
from maskwright.workflows.settings.pretrain_settings import PretrainSettings
from maskwright.workflows.settings.recipes import build_settings
from tests.studies.conftest import BASE

ARMS: dict[str, dict[str, Any]] = {
    "random": {},
    "ramp": {"ratio": "0.25->0.75"},
    "guided": {"policy": "guided"},
    "cross": {"decoder": "cross", "predict": 0.5},
    "hard": {"policy": "predicted_hard"},
    "two masks": {"masks_per_image": 2, "accumulate": 2},
    "uniform ratio": {"ratio": "uniform(0.25, 0.75)"},
}


def prepared(data: Path, **own: Any) -> tuple[PretrainSettings, Pictures]:
    settings, _ = complete(
        build_settings(data=str(data), split="train", **{**BASE, **own}),
        None,
        LogReporter(visible=False),
    )
    return settings, load(
        settings.data,
        open_source(str(data), split="train"),
        settings.train.seed,
        LogReporter(visible=False),
    )


@pytest.mark.parametrize("name", ARMS)
def test_the_price_that_is_planned_is_what_the_run_spends(
    pictures: Path, tmp_path: Path, name: str
) -> None:
    settings, loaded = prepared(pictures, **ARMS[name])
    length, expected = planned(
        settings, loaded, cost_of_step(settings, loaded), Budget("steps", 40)
    )
    run = maskwright.pretrain(
        pictures,
        split="train",
        out=tmp_path / "run",
        track=["none"],
        **{**BASE, **ARMS[name], **length},
    )
    found = spent(run.status, run.settings, model_config(run.settings))
    close = 0.06 if "uniform" in name else 0.015
    assert found.steps == expected.steps
    assert found.images == pytest.approx(expected.images, rel=close)
    assert found.encoder_tokens == pytest.approx(expected.encoder_tokens, rel=close)
    assert found.decoder_tokens == pytest.approx(expected.decoder_tokens, rel=close)
    assert found.teacher_tokens == pytest.approx(expected.teacher_tokens, rel=close)
    assert found.flops == pytest.approx(expected.flops, rel=close)


def test_a_ratio_drawn_anew_for_each_batch_costs_the_mean_over_all_it_may_draw(
    pictures: Path,
) -> None:
    """Of 16 patches uniform(0.25, 0.75) leaves 4 to 11 visible, each as often: the price is their
    mean to the last digit.
    """
    settings, loaded = prepared(pictures, **ARMS["uniform ratio"])
    price, config = cost_of_step(settings, loaded), model_config(settings)
    assert (settings.train.batch_size, config.num_prefix, price.images) == (8, 1, 8)
    counts = range(4, 12)
    assert price.encoder_tokens == pytest.approx(8 * (sum(counts) / 8 + 1), rel=1e-12)
    assert price.decoder_tokens == 8 * (16 + 1)
    operations = sum(count_step(config, visible, 16 - visible).training for visible in counts)
    assert price.flops == pytest.approx(operations, rel=1e-12)  # 8 pictures times the mean of 8
    assert price.flops != 8 * count_step(config, 7, 9).training


@pytest.mark.parametrize("currency", ["flops", "tokens", "images", "steps"])
def test_every_arm_gets_the_same_amount_of_the_currency(pictures: Path, currency: str) -> None:
    amounts = []
    for own in ({}, {"ratio": "0.25->0.75"}, {"policy": "guided"}):
        settings, loaded = prepared(pictures, **own)
        price = cost_of_step(settings, loaded)
        budget = (
            Budget(currency, price.times(5000).amount(currency) or 0)
            if not amounts
            else Budget(currency, amounts[0])
        )
        amounts.append(price.times(price.steps_for(budget) or 0).amount(currency) or 0)
    assert amounts == pytest.approx([amounts[0]] * 3, rel=1e-3)


@pytest.mark.parametrize("name", ["random", "guided", "cross"])
def test_priced_operations_agree_with_torchs_own_counter(pictures: Path, name: str) -> None:
    settings, loaded = prepared(pictures, **ARMS[name])
    price = cost_of_step(settings, loaded)
    module = build_module(settings, loaded.scale, Clock(1), {}, len(loaded.train))
    batch = eval_batch(loaded.train, loaded.size, settings.train.batch_size or 1)
    with FlopCounterMode(display=False) as counter:
        shown = module.show(batch)
        scene = module.masker.scene(shown, epoch=0, step=0, progress=1.0)
        prediction = module.model(shown.images, module.masker.draw(scene))
        module.objective(prediction, shown.images, 1.0).total.backward()
    assert counter.get_total_flops() == pytest.approx(price.flops, rel=0.06)


def test_arms_of_one_seed_begin_with_the_same_weights_and_see_pictures_in_the_same_order(
    pictures: Path,
) -> None:
    begun = []
    for own in ({}, {"policy": "block(size=2)"}, {"policy": "guided", "ratio": "0.25->0.75"}):
        settings, loaded = prepared(pictures, seed=3, **own)
        loader = build_batches(settings, loaded, torch.device("cpu"))
        module = build_module(settings, loaded.scale, Clock(1), {}, len(loaded.train))
        weights = torch.cat([value.flatten() for value in module.model.state_dict().values()])
        begun.append((weights, [(batch.sample_ids.tolist(), batch.images) for batch in loader]))
    for weights, batches in begun[1:]:
        assert torch.equal(weights, begun[0][0])
        assert [ids for ids, _ in batches] == [ids for ids, _ in begun[0][1]]
        assert all(
            torch.equal(one, other)
            for (_, one), (_, other) in zip(batches, begun[0][1], strict=True)
        )
