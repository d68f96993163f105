"""A training step waits for its card in one place alone, where all verdicts are read in one."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn

from maskwright.data.loader import Batch
from maskwright.data.picture_losses import PictureLosses
from maskwright.data.sampling import LossSampling
from maskwright.patches import PixelScale
from maskwright.support.on_device import move_batch, numbers_on
from maskwright.training.clock import Clock
from maskwright.training.module import PretrainModule
from maskwright.training.weight_average import WeightAverage
from maskwright.workflows.building.module import build_module
from maskwright.workflows.settings.pretrain_settings import PretrainSettings
from tests.pretended_card import CARD, pretended_card
from tests.workflows.conftest import SMALL

PARTS = ("parts/face", "parts/eyes")
SCALE = PixelScale((0.5,) * 3, (0.2,) * 3)
BATCH = 8


def build(**changes: Any) -> PretrainModule:
    values = {"data": "photos", **SMALL, "device": "auto", "steps": 10, "lr": 1e-3, **changes}
    settings = PretrainSettings.from_flat(values)
    module = build_module(settings, SCALE, Clock(10), {}, num_pictures=40)
    if settings.train.sample:
        module.picture_losses = PictureLosses([str(n) for n in range(40)], LossSampling())
    return module


def batch_of(module: PretrainModule) -> Batch:
    """A batch as the loader gives it, with every map."""
    names = ("foreground", "attention", *PARTS)
    return Batch(
        images=torch.zeros(BATCH, 3, 16, 16, dtype=torch.uint8),
        sample_ids=torch.arange(BATCH),
        labels=None,
        priors={name: torch.zeros(BATCH, 16) for name in names},
        views=torch.zeros(BATCH, 5),
        plain_ids=list(range(BATCH)),
    )


POLICIES = [
    "random",
    "block(size=2)",
    "inverse_block",
    "red",
    "guided",
    "guided(source='prior', hint=0.2)",
    "hard",
    "predicted_hard",
    "adversarial",
    "adaptive",
    "foreground",
    "parts",
    "part_ratios({face: 0.9, background: 0.5})",
    "0.5*random + 0.5*hard",
]
OTHERS = [
    {"decoder": "cross", "predict": 0.4},
    {"masks_per_image": 2},
    {"target": "hog"},
    {"target": "features"},
    {"ratio": "0.5->0.75"},
    {"ratio": "uniform(0.5, 0.9, per=picture)"},
    {"ratio": "uniform(0.5, 0.9, per=picture)", "policy": "hard", "sample": "loss"},
    {"policy": "components(count=8)", "target": "raw"},
    {"policy": "components(dct)", "target": "raw", "masks_per_image": 2},
    {"sample": "loss", "ema": 0.9},
    {"optimizer": "muon"},
    {"loss": "mse + 0.1*uniformity"},
]


@pytest.mark.parametrize(
    "changes", [*({"policy": policy} for policy in POLICIES), *OTHERS], ids=lambda one: str(one)
)
def test_a_step_waits_for_its_card_once(changes: dict[str, Any]) -> None:
    module = build(**changes)
    batch = batch_of(module)
    with pretended_card(module) as waits:
        optimizer = module.configure_optimizers()
        average = WeightAverage(module, 0.9)
        loss = module.training_step(move_batch(batch, CARD))
        assert loss.device == CARD
        # Backward passes cannot be pretended.
        for parameter in module.parameters():
            if parameter.requires_grad:
                parameter.grad = torch.empty_like(parameter)
        assert (waits.reads, waits.copies) == ([], [])
        module.losses.append(module.latest_loss(CARD))
        module.judge_step(optimizer, None)
        optimizer.step()
        average.update(module)
        # The verdict on the step: whether losses, gradients and scores were numbers.
        assert (waits.reads, waits.copies) == (["torch.bool"], [])


def test_what_waits_is_seen() -> None:
    with pretended_card(nn.Linear(2, 2)) as waits:
        there = torch.zeros(2, device=CARD)
        float(there.sum())
        there.to("cpu")
        torch.tensor([1.0, 2.0], device=CARD)
        torch.zeros(2).to(CARD, non_blocking=True)
        numbers_on(CARD, [1.0, 2.0])
    assert waits.reads == ["torch.float32"]
    assert len(waits.copies) == 2
