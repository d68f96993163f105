"""A step that is not finite leaves no trace: not in a memory, not in an average, not in the
weights.
"""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import pytest
import torch

import maskwright
from maskwright.models.autoencoder import MaskedAutoencoder
from maskwright.patches import Prediction
from tests.workflows.conftest import SMALL

TINY: dict[str, Any] = {**SMALL, "val": "0.2", "epochs": 1, "lr": 1e-3, "crop": "center"}
MEMORY = "masker.learners.0.memory"
BATCH = 8


@pytest.fixture
def poison(monkeypatch: pytest.MonkeyPatch) -> None:
    """One value of the third batch's prediction is NaN."""
    original = MaskedAutoencoder.forward
    seen = {"batches": 0}

    def forward(self: MaskedAutoencoder, *given: Any, **more: Any) -> Prediction:
        prediction = original(self, *given, **more)
        seen["batches"] += self.training
        if not (self.training and seen["batches"] == 3):
            return prediction
        values = prediction.values.clone()
        values[0, 0, 0] = float("nan")
        return dataclasses.replace(prediction, values=values)

    monkeypatch.setattr(MaskedAutoencoder, "forward", forward)


def states(run: maskwright.Run) -> list[dict[str, Any]]:
    saved = torch.load(run.path / "checkpoints" / "last.ckpt", weights_only=True)
    return [saved[name] for name in ("state_dict", "current_model_state") if name in saved]


@pytest.mark.parametrize("ema", [0.0, 0.9])
@pytest.mark.parametrize(("accumulate", "dropped"), [(1, 1), (2, 2)])
def test_a_memory_knows_nothing_of_the_batches_of_a_dropped_step(
    photos: Path, tmp_path: Path, poison: None, accumulate: int, dropped: int, ema: float
) -> None:
    """Four batches of an epoch: the pictures of all others are remembered, those of the dropped
    step are as new.
    """
    run = maskwright.pretrain(
        photos, out=tmp_path / "run", policy="hard", accumulate=accumulate, ema=ema, **TINY
    )
    assert run.status["skipped_steps"] == 1
    for state in states(run):
        assert all(value.isfinite().all() for value in state.values() if torch.is_tensor(value))
        is_new = state[MEMORY].eq(-1).all(1)
        assert int(is_new.sum()) == dropped * BATCH
        assert state[MEMORY][~is_new].ne(-1).sum(1).eq(12).all()
    losses = [row["loss"] for row in run.metrics if "loss" in row]
    assert sum(loss == loss for loss in losses) == len(losses) - (accumulate == 1)


@pytest.mark.parametrize("policy", ["predicted_hard", "adversarial", "adaptive(weight=1)"])
def test_networks_of_policies_learn_nothing_from_a_dropped_step(
    photos: Path, tmp_path: Path, poison: None, policy: str
) -> None:
    run = maskwright.pretrain(photos, out=tmp_path / "run", policy=policy, ema=0.9, **TINY)
    assert run.status["skipped_steps"] == 1
    for state in states(run):
        assert all(value.isfinite().all() for value in state.values() if torch.is_tensor(value))
