"""What only a card can show: run with `bench/gpu_check.sh`, or `pytest -m cuda` where there is one.

MASKWRIGHT_TEST_DEVICE names another device, so that the tests themselves can be tried on a CPU.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import maskwright
from maskwright.data.augment.transforms import Augment
from maskwright.data.loader import Batch, LoaderSettings, build_loader
from maskwright.data.packing import pack
from maskwright.data.sources.open import open_source
from maskwright.masking.catalog import build_policy
from maskwright.masking.policy import Scene, mask_scene
from maskwright.patches import Grid
from maskwright.support.on_device import move_batch
from maskwright.support.seeding import sample_rng
from maskwright.training.module import PretrainModule
from tests.workflows.conftest import SMALL
from tests.workflows.test_waiting import POLICIES, batch_of, build

DEVICE = torch.device(os.environ.get("MASKWRIGHT_TEST_DEVICE", "cuda"))
IS_HERE = DEVICE.type != "cuda" or torch.cuda.is_available()
pytestmark = [
    pytest.mark.cuda,
    pytest.mark.skipif(not IS_HERE, reason="there is no card here"),
]
SHORT: dict[str, Any] = {**SMALL, "device": str(DEVICE), "steps": 8, "lr": 1e-3, "warmup": 0.0}


@pytest.mark.parametrize(
    "line", ["random", "block(size=2)", "rectangles", "red", "0.5*random + 0.5*block"]
)
def test_masks_are_those_of_a_cpu(line: str) -> None:
    ids = torch.arange(64)
    policy, grid = build_policy(line), Grid(8, 8, 4)
    both = [
        mask_scene(policy, Scene(grid=grid, num_masked=48, rng=sample_rng(3, 1, ids.to(place))))
        for place in (torch.device("cpu"), DEVICE)
    ]
    assert both[1].masked_ids.device.type == DEVICE.type
    assert torch.equal(both[0].masked_ids, both[1].masked_ids.cpu())


def real_step(module: PretrainModule, batch: Batch) -> None:
    """Forward and backward pass of a batch that lies on the device."""
    loss = module.training_step(batch)
    loss.backward()
    module.losses.append(module.latest_loss(DEVICE))


@pytest.mark.skipif(DEVICE.type != "cuda", reason="only CUDA says what waits")
@pytest.mark.parametrize("policy", POLICIES)
def test_forward_and_backward_never_wait(policy: str) -> None:
    module = build(policy=policy).to(DEVICE)
    batch = move_batch(batch_of(module), DEVICE)
    optimizer = module.configure_optimizers()
    # Kernels are loaded and libraries begin in the first step.
    real_step(module, batch)
    module.judge_step(optimizer, None)
    optimizer.step()
    optimizer.zero_grad()
    torch.cuda.set_sync_debug_mode("error")
    try:
        real_step(module, batch)
    finally:
        torch.cuda.set_sync_debug_mode("default")
    module.judge_step(optimizer, None)


def losses_of(run: maskwright.Run) -> list[float]:
    return [row["loss"] for row in run.metrics if "loss" in row]


@pytest.mark.parametrize(
    "changes",
    [
        {"policy": "hard", "ema": 0.9},
        {"policy": "adversarial", "decoder": "cross", "predict": 0.5},
        {"policy": "guided", "accumulate": 2},
        {"optimizer": "muon", "sample": "loss"},
    ],
    ids=lambda changes: next(iter(changes.values())),
)
def test_a_run_takes_the_steps_of_a_cpu(
    photos: Path, tmp_path: Path, changes: dict[str, Any]
) -> None:
    here, there = (
        maskwright.pretrain(
            photos, out=tmp_path / name, **{**SHORT, **changes, "device": place}, workers=0
        )
        for name, place in (("here", "cpu"), ("there", str(DEVICE)))
    )
    # Muon's iteration runs in bfloat16 on a card.
    tolerance = 3e-2 if changes.get("optimizer") == "muon" else 2e-3
    assert losses_of(there) == pytest.approx(losses_of(here), rel=tolerance)


@pytest.mark.skipif(DEVICE.type != "cuda", reason="only CUDA pins memory")
def test_batches_lie_in_pinned_memory() -> None:
    pictures = np.zeros((16, 16, 16, 3), np.uint8)
    store = pack(open_source(pictures), short_side=16)
    loader = build_loader(
        store, Augment(size=(16, 16)), LoaderSettings(batch_size=4, seed=0, workers=1, pin=True)
    )
    batch = next(iter(loader))
    assert batch.images.is_pinned()
    assert batch.sample_ids.is_pinned()


@pytest.mark.parametrize("precision", ["bf16-mixed", "16-mixed"])
def test_mixed_precision_follows_float32(photos: Path, tmp_path: Path, precision: str) -> None:
    whole, mixed = (
        maskwright.pretrain(photos, out=tmp_path / word, **{**SHORT, "precision": word})
        for word in ("32-true", precision)
    )
    assert mixed.status["skipped_steps"] == 0
    # Half precision may leave out steps while its scale is found.
    if not mixed.status["overflowed_steps"]:
        assert losses_of(mixed) == pytest.approx(losses_of(whole), rel=0.05)


def test_a_run_with_workers_goes_on_where_it_was_stopped(photos: Path, tmp_path: Path) -> None:
    settings = {**SHORT, "policy": "hard", "ema": 0.9, "workers": 2, "save_minutes": 0.0}
    whole = maskwright.pretrain(photos, out=tmp_path / "whole", **settings)
    maskwright.pretrain(
        photos, out=tmp_path / "part", watch=lambda row: row.get("step", 0) >= 3, **settings
    )
    gone_on = maskwright.pretrain(out=tmp_path / "part", resume=True)
    assert gone_on.status["state"] == "finished"
    # A card adds in any order, so the last digits may differ.
    assert losses_of(gone_on) == pytest.approx(losses_of(whole), rel=1e-3)


@pytest.mark.filterwarnings("ignore")
def test_a_compiled_run_takes_the_same_steps(photos: Path, tmp_path: Path) -> None:
    torch._dynamo.reset()
    plain, compiled = (
        maskwright.pretrain(photos, out=tmp_path / str(flag), compile=flag, **{**SHORT, "steps": 4})
        for flag in (False, True)
    )
    assert losses_of(compiled) == pytest.approx(losses_of(plain), rel=2e-3)
