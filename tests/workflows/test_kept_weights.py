"""What a run says of itself while it trains is said of the weights that it keeps."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file

import maskwright
from maskwright.data.sources.open import open_source
from maskwright.evaluation.classify import answer_all
from maskwright.evaluation.selection import measure_scorer
from maskwright.support.reporting import LogReporter
from maskwright.training.clock import Clock
from maskwright.training.epoch_tasks import frozen
from maskwright.workflows.building.module import build_module
from maskwright.workflows.finetuning import fit as finetune_fit
from maskwright.workflows.loading.pictures import load
from maskwright.workflows.runs.locate import load_any_encoder
from maskwright.workflows.training.monitors import TrainingMonitor
from tests.workflows.conftest import SMALL
from tests.workflows.test_pretrain import stop_at

TINY: dict[str, Any] = {**SMALL, "val": "0.2", "lr": 3e-2, "epochs": 4}
POLICIES = ("random", "hard(mix=0.5)", "predicted_hard(mix=0.5)", "guided(mix=0.5)")


def measure(run: maskwright.Run, name: str) -> tuple[dict[str, float], np.ndarray]:
    """The numbers and the sheet of a checkpoint, from nothing but the file and the
    run's settings.
    """
    settings = run.settings
    source = open_source(settings.data.data)
    pictures = load(settings.data, source, settings.train.seed, LogReporter(visible=False))
    module = build_module(settings, pictures.scale, Clock(1), {}, len(pictures.train))
    saved = torch.load(run.path / "checkpoints" / f"{name}.ckpt", weights_only=True)
    module.load_state_dict(saved["state_dict"])
    drawn: list[np.ndarray] = []
    watcher = TrainingMonitor(settings, pictures, lambda _, image, step: drawn.append(image))
    with frozen(module):
        numbers = {**watcher.measure_held_out(module, 0), **watcher.measure_online_knn(module, 0)}
        watcher.show_samples(module, saved["place"]["epoch"])
    return numbers, drawn[0]


@pytest.mark.parametrize("ema", [0.0, 0.95])
@pytest.mark.parametrize("policy", POLICIES)
def test_the_last_numbers_and_the_last_sheet_are_those_of_the_last_checkpoint(
    photos: Path, tmp_path: Path, policy: str, ema: float
) -> None:
    run = maskwright.pretrain(photos, out=tmp_path / "run", policy=policy, ema=ema, **TINY)
    row = [row for row in run.metrics if "val_loss" in row][-1]
    numbers, sheet = measure(run, "last")
    assert {name: row[name] for name in numbers} == pytest.approx(numbers, rel=1e-5)
    with Image.open(run.path / "samples" / "epoch_0004.png") as kept:
        assert np.array_equal(np.asarray(kept), sheet)


@pytest.mark.parametrize("ema", [0.0, 0.95])
def test_the_best_checkpoint_gives_the_numbers_of_the_best_epoch(
    photos: Path, tmp_path: Path, ema: float
) -> None:
    run = maskwright.pretrain(
        photos, out=tmp_path / "run", ema=ema, **{**TINY, "epochs": 6, "knn_every": 1}
    )
    held = [row for row in run.metrics if "knn_top1" in row]
    saved = torch.load(run.path / "checkpoints" / "best_knn.ckpt", weights_only=True)
    best = held[saved["place"]["epoch"] - 1]
    assert best["knn_top1"] == max(row["knn_top1"] for row in held)
    numbers, _ = measure(run, "best_knn")
    assert {name: best[name] for name in numbers} == pytest.approx(numbers, rel=1e-5)


def test_measuring_the_average_leaves_the_training_as_it_was(
    photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ends = []
    for name in ("measured", "not measured"):
        if name == "not measured":
            monkeypatch.setattr(TrainingMonitor, "tasks", lambda watcher: [])
        run = maskwright.pretrain(photos, out=tmp_path / name, policy="hard", ema=0.9, **TINY)
        ends.append(torch.load(run.path / "checkpoints" / "last.ckpt", weights_only=True))
    for part in ("state_dict", "current_model_state"):
        assert all(torch.equal(ends[0][part][name], ends[1][part][name]) for name in ends[0][part])
    # Weights are averaged, and what a policy remembers is kept as it is.
    memory = "masker.learners.0.memory"
    assert torch.equal(ends[0]["state_dict"][memory], ends[0]["current_model_state"][memory])


@pytest.mark.parametrize("stop", [None, 9])
def test_the_best_epoch_is_remembered_also_over_an_interruption(
    photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stop: int | None
) -> None:
    """Four steps an epoch; the second of four epochs is the best, and the third may be
    interrupted.
    """
    accuracy = {1: 0.5, 2: 0.9, 3: 0.9, 4: 0.7}
    look: Callable[..., Any] = lambda watcher, module, epoch: {"knn_top1": accuracy[epoch]}  # noqa: E731
    monkeypatch.setattr(TrainingMonitor, "measure_online_knn", look)
    options = {**TINY, "knn_every": 1}
    if stop is None:
        run = maskwright.pretrain(photos, out=tmp_path / "run", **options)
    else:
        with monkeypatch.context() as patch:
            stop_at(patch, stop)
            maskwright.pretrain(photos, out=tmp_path / "run", **options)
        run = maskwright.pretrain(resume=True, out=tmp_path / "run")
    best = torch.load(run.path / "checkpoints" / "best_knn.ckpt", weights_only=True)
    assert best["place"]["step"] == 8


@pytest.mark.parametrize("ema", [0.0, 0.9])
def test_fine_tuning_keeps_the_classifier_that_gave_the_best_held_out_accuracy(
    small_run: maskwright.Run,
    shared_photos: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    ema: float,
) -> None:
    measured: list[dict[str, torch.Tensor]] = []

    def watched(classify: Any, *rest: Any, **more: Any) -> torch.Tensor:
        weights = classify.__self__.state_dict()
        measured.append({name: value.clone() for name, value in weights.items()})
        return answer_all(classify, *rest, **more)

    monkeypatch.setattr(finetune_fit, "answer_all", watched)
    done = maskwright.finetune(
        small_run.path,
        shared_photos,
        out=tmp_path / "run",
        choose="held_out",
        held_out=0.3,
        epochs=4,
        batch_size=8,
        lr=3e-3,
        ema=ema,
        device="cpu",
        precision="32-true",
    )
    rows = maskwright.open_run(done.path).metrics
    accuracy = [row["held_out_top1"] for row in rows if "held_out_top1" in row]
    best = measured[accuracy.index(max(accuracy))]
    kept = load_any_encoder(done.path / "checkpoints" / "best.ckpt").model.state_dict()
    assert all(torch.equal(best[name], kept[name]) for name in kept)


def test_selecting_keeps_the_scorer_that_was_measured_last(
    small_run: maskwright.Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    measured: list[dict[str, torch.Tensor]] = []

    def watched(model: Any, scorer: torch.nn.Module, *rest: Any) -> Any:
        weights = scorer.state_dict()
        measured.append({name: value.clone() for name, value in weights.items()})
        return measure_scorer(model, scorer, *rest)

    monkeypatch.setattr(
        import_module("maskwright.workflows.selecting.fit"), "measure_scorer", watched
    )
    done = maskwright.select(
        small_run.path,
        name="watched",
        epochs=2,
        scorer_width=16,
        scorer_depth=1,
        scorer_heads=2,
        batch_size=16,
        device="cpu",
        precision="32-true",
        val="0.2",
        lr=1e-2,
    )
    kept = load_file(done.path / "scorer.safetensors")
    assert len(measured) == 2
    assert all(torch.equal(measured[-1][name], kept[name]) for name in kept)
