"""Policies that look, remember and learn, in whole runs: they train, resume exactly, count their
cost and can be looked at afterwards.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import maskwright
from maskwright.data.maps.map_writer import MapPlan, write_map
from maskwright.data.store.packed import PackedStore
from maskwright.support.errors import MaskwrightError
from tests.data.map_stores import build_store
from tests.workflows.conftest import SMALL
from tests.workflows.test_pretrain import same, stop_at, weights

TINY: dict[str, Any] = {**SMALL, "val": "0.2"}
STATEFUL = (
    "guided(mix=0.5)",
    "hard(mix=0.5)",
    "predicted_hard(mix=0.5)",
    "adversarial",
    "0.5*adaptive + 0.5*guided(hide='background', refresh=3)",
)


@pytest.mark.parametrize("policy", STATEFUL)
def test_policies_with_a_state_resume_bit_by_bit(
    photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, policy: str
) -> None:
    """What a policy has learned or remembers is part of a checkpoint."""
    options = {**TINY, "epochs": 3, "policy": policy}
    whole = maskwright.pretrain(photos, out=tmp_path / "whole", **options)
    with monkeypatch.context() as patch:
        stop_at(patch, 6)
        maskwright.pretrain(photos, out=tmp_path / "part", **options)
    resumed = maskwright.pretrain(resume=True, out=tmp_path / "part")
    left, right = (
        {k: v for k, v in weights(run).items() if isinstance(v, torch.Tensor)}
        for run in (whole, resumed)
    )
    assert same(left, right)
    assert any(name.startswith("masker.") for name in left)
    assert whole.status["policy_flops"] == resumed.status["policy_flops"]


def test_a_run_reports_its_masks_and_what_its_policy_costs(photos: Path, tmp_path: Path) -> None:
    plain = maskwright.pretrain(photos, out=tmp_path / "plain", epochs=2, **TINY)
    guided = maskwright.pretrain(photos, out=tmp_path / "guided", epochs=2, policy="guided", **TINY)
    assert plain.status["teacher_tokens"] == plain.status["policy_flops"] == 0
    assert guided.status["teacher_tokens"] == 2 * 32 * 17
    assert (
        guided.status["training_flops"] - plain.status["training_flops"]
        == guided.status["policy_flops"]
        > 0
    )
    assert {"distance", "boundary", "islands", "mask_entropy", "mask_likeness"} <= guided.status[
        "masks"
    ].keys()
    assert (guided.path / "masks" / "final.png").exists()
    rows = [row for row in plain.metrics if "mask_entropy" in row]
    assert rows[-1]["mask_entropy"] > 0.8
    assert abs(rows[-1]["mask_likeness"]) < 0.3


def test_the_adversary_and_its_helper_move_by_the_loss_alone(photos: Path, tmp_path: Path) -> None:
    """Without guards the only gradient comes through the visible tokens."""
    line = "adversarial(share_guard=0, diversity_guard=0, dial={})"
    runs = [
        maskwright.pretrain(
            photos, out=tmp_path / str(dial), steps=3, policy=line.format(dial), **TINY
        )
        for dial in (1, 0)
    ]
    moved, still = (weights(run)["masker.learners.0.scorer.fc2.weight"] for run in runs)
    assert moved.abs().sum() > 0
    assert still.abs().sum() == 0


def test_what_a_policy_learned_is_used_on_other_pictures(photos: Path, tmp_path: Path) -> None:
    run = maskwright.pretrain(
        photos, out=tmp_path / "run", epochs=2, policy="adversarial", lr=1e-2, **TINY
    )
    pictures = sorted(photos.rglob("*.png"))[:4]
    own = run.reconstruct(pictures, out=tmp_path / "own.png")
    fresh = run.reconstruct(pictures, out=tmp_path / "fresh.png", policy="adversarial()")
    assert own.mask.num_masked == fresh.mask.num_masked
    assert not torch.equal(own.mask.masked_ids, fresh.mask.masked_ids)


def test_a_policy_is_guided_by_another_run(
    photos: Path, small_run: maskwright.Run, tmp_path: Path
) -> None:
    line = f"guided(source='{small_run.path}', temperature=1.0)"
    run = maskwright.pretrain(photos, out=tmp_path / "run", steps=2, policy=line, **TINY)
    assert run.status["teacher_tokens"] > 0
    assert not any("teacher" in name for name in weights(run))
    report = maskwright.masks(photos, line, image_size=16, patch_size=4, out=tmp_path / "masks.png")
    assert report.path.exists()


MAPPED = (
    "guided(source='prior')",
    "foreground",
    "parts",
    "0.5*random + 0.5*foreground(heavy='bg', mix=0->1)",
)


@pytest.mark.parametrize("line", MAPPED)
def test_maps_of_a_store_reach_the_policy(tmp_path: Path, line: str) -> None:
    """The masks of whole, unaugmented pictures follow maps that say: the left half."""
    store = store_of_halves(tmp_path)
    run = maskwright.pretrain(
        store.folder, out=tmp_path / "run", steps=4, policy=line, ratio=0.5, **TINY
    )
    assert run.status["state"] == "finished"
    report = maskwright.masks(
        store.folder, line, ratio=0.5, image_size=16, patch_size=4, out=tmp_path / "masks.png"
    )
    if line == "guided(source='prior')":
        assert report.geometry[line].share_masked[:, :2].min() == 1
    with pytest.raises(MaskwrightError, match="prepare DATA --out STORE"):
        run.reconstruct(sorted((tmp_path / "p").glob("*.png"))[:2], out=tmp_path / "sheet.png")


def store_of_halves(tmp_path: Path) -> PackedStore:
    """Square pictures whose attention and foreground are their left halves, with parts besides."""
    store = build_store(tmp_path, [(16, 16)] * 40)
    half = np.zeros((16, 16), dtype=np.uint8)
    half[:, :8] = 255
    for name in ("attention", "foreground"):
        write_map(
            store, MapPlan(name=name, kind="share", made="by hand"), lambda ids: [half for _ in ids]
        )
    return store


@pytest.mark.parametrize(
    ("line", "fragment"),
    [
        ("guided(source='prior')", "prepare DATA --out STORE --priors attention"),
        ("guided(source='nowhere')", "no run or checkpoint at 'nowhere'"),
        ("guided + guided(decay=0.9)", "the same decay and refresh"),
    ],
)
def test_what_a_policy_cannot_have_is_said_before_training(
    photos: Path, tmp_path: Path, line: str, fragment: str
) -> None:
    with pytest.raises(MaskwrightError, match=fragment):
        maskwright.pretrain(photos, out=tmp_path / "run", steps=2, policy=line, **TINY)
    assert not (tmp_path / "run").exists()


def test_masks_without_a_model_say_what_to_do(photos: Path, tmp_path: Path) -> None:
    with pytest.raises(MaskwrightError, match="use source='RUN'"):
        maskwright.masks(photos, "guided", image_size=16, patch_size=4, out=tmp_path / "masks.png")


@pytest.mark.parametrize("turned", [{"rotate": 10.0}, {"vertical_flip": True}])
def test_a_memory_of_places_refuses_turned_pictures(
    photos: Path, tmp_path: Path, turned: dict[str, Any]
) -> None:
    with pytest.raises(MaskwrightError, match="leave out --rotate"):
        maskwright.pretrain(
            photos, out=tmp_path / "run", steps=2, policy="0.5*random + 0.5*hard", **turned, **TINY
        )


def test_a_run_that_ended_before_it_could_say_so_ends_when_resumed(
    photos: Path, tmp_path: Path
) -> None:
    run = maskwright.pretrain(
        photos, out=tmp_path / "run", steps=4, policy="guided(mix=0.5)", **TINY
    )
    before = weights(run)
    run.folder.update_status(state="running")
    again = maskwright.pretrain(resume=True, out=tmp_path / "run")
    assert again.status["state"] == "finished"
    left, right = (
        {k: v for k, v in state.items() if isinstance(v, torch.Tensor)}
        for state in (before, weights(again))
    )
    assert same(left, right)
