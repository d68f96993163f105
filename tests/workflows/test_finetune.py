"""Fine-tuning: it learns, comes back exactly, goes on exactly, and leaves the test
pictures alone.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import timm
import torch

import maskwright
from maskwright.cli.main import main
from maskwright.data.packing import pack
from maskwright.data.sources.open import open_source
from maskwright.support.errors import MaskwrightError
from maskwright.support.reporting import LogReporter
from maskwright.workflows.finetune import Finetuned
from maskwright.workflows.finetuning.data import build_finetune_data, open_pictures
from maskwright.workflows.finetuning.fit import measure_finetune
from maskwright.workflows.inspect import describe
from maskwright.workflows.loading.labeled_settings import LabeledSettings
from maskwright.workflows.runs.locate import load_any_encoder
from maskwright.workflows.settings.finetune_settings import (
    FinetuneSettings,
    build_finetune_settings,
)

QUICK: dict[str, Any] = {
    "epochs": 3,
    "batch_size": 8,
    "lr": 2e-3,
    "device": "cpu",
    "precision": "32-true",
}
PLAIN: dict[str, Any] = {"mix_prob": 0, "rand_augment": "none", "erase": 0, "crop_scale": 1.0}


@pytest.fixture(scope="module")
def tuned(
    small_run: maskwright.Run, shared_photos: Path, tmp_path_factory: pytest.TempPathFactory
) -> Finetuned:
    out = tmp_path_factory.mktemp("tuned") / "run"
    return maskwright.finetune(
        small_run.path, shared_photos, out=out, ema=0.5, **{**QUICK, **PLAIN, "epochs": 12}
    )


def test_a_fine_tuning_leaves_curves_and_what_trackers_keep(tuned: Finetuned) -> None:
    assert (tuned.path / "curves.png").read_bytes().startswith(b"\x89PNG")
    assert list((tuned.path / "tensorboard").glob("events*"))


def test_an_unknown_tracker_is_refused_before_anything(
    small_run: maskwright.Run, shared_photos: Path, tmp_path: Path
) -> None:
    with pytest.raises(MaskwrightError, match="Unknown tracker 'wand'"):
        maskwright.finetune(small_run.path, shared_photos, out=tmp_path / "x", track=["wand"])
    assert not (tmp_path / "x").exists()


def test_bright_and_dark_are_learned_and_told_by_class(tuned: Finetuned) -> None:
    report = tuned.report
    assert report["top1"]["value"] > 0.9
    assert report["top1"]["low"] <= report["top1"]["value"] <= report["top1"]["high"]
    assert {name: found["num_test"] for name, found in report["by_class"].items()} == {
        "bright": 10,
        "dark": 10,
    }
    assert report["correct"].count("1") / 20 == report["top1"]["value"]
    written = json.loads(next((tuned.path / "eval").glob("finetune-*.json")).read_text())
    assert written["protocol"]["measured"] == "last epoch, averaged weights, test answered once"


def test_a_run_tells_the_settings_of_its_own_kind(
    tuned: Finetuned, small_run: maskwright.Run
) -> None:
    run = maskwright.open_run(tuned.path)
    assert (run.kind, small_run.kind) == ("finetune", "pretrain")
    assert run.finetune_settings == FinetuneSettings(
        ema=0.5,
        epochs=12,
        batch_size=8,
        lr=2e-3,
        precision="32-true",
        workers=run.finetune_settings.workers,
        **PLAIN,
    )
    with pytest.raises(
        MaskwrightError,
        match=r"is a run of finetune, not of pretrain; its settings are in run\.finetune_settings",
    ):
        _ = run.settings
    with pytest.raises(
        MaskwrightError,
        match=r"is a run of pretrain, not of finetune; its settings are in run\.settings",
    ):
        _ = small_run.finetune_settings
    told = describe(str(tuned.path))
    assert f"classifier on {small_run.path}, mean pooling" in told
    assert "12 epochs" in told
    assert "top-1" in told


def test_the_classifier_comes_back_with_its_head_and_classes(
    tuned: Finetuned, shared_photos: Path
) -> None:
    loaded = maskwright.load(tuned.path, device="cpu")
    assert loaded.classes == ("bright", "dark")
    picture = next((shared_photos / "test/dark").iterdir())
    probabilities = loaded.classify(picture)
    assert probabilities.shape == (1, 2)
    assert probabilities.argmax() == 1
    kept = maskwright.load(tuned.path / "checkpoints/last.ckpt", device="cpu")
    assert torch.equal(
        kept.classify(picture), probabilities
    )  # the average, not the weights that were trained last
    assert loaded.features(picture, features="last").shape == (1, 24)


def test_timm_loads_the_export_strictly_and_answers_alike(
    tuned: Finetuned, shared_photos: Path
) -> None:
    about = json.loads((tuned.path / "exported/classifier.json").read_text())
    file = str(tuned.path / "exported/classifier.safetensors")
    peer = timm.create_model(
        about["architecture"], checkpoint_path=file, **about["arguments"]
    ).eval()
    ours = load_any_encoder(tuned.path).model
    images = torch.randn(3, 3, 16, 16, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        torch.testing.assert_close(ours.classify(images), peer(images), rtol=1e-4, atol=1e-5)  # type: ignore[operator]


def test_a_class_token_classifier_fits_timm_too(
    small_run: maskwright.Run, shared_photos: Path, tmp_path: Path
) -> None:
    done = maskwright.finetune(
        small_run.path, shared_photos, out=tmp_path / "cls", pooling="cls", **{**QUICK, "epochs": 1}
    )
    about = json.loads((done.path / "exported/classifier.json").read_text())
    peer = timm.create_model(
        about["architecture"],
        checkpoint_path=str(done.path / "exported/classifier.safetensors"),
        **about["arguments"],
    ).eval()
    images = torch.randn(2, 3, 16, 16, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        torch.testing.assert_close(load_any_encoder(done.path).model.classify(images), peer(images))  # type: ignore[operator]


@pytest.mark.parametrize("stop_after", [2, 5])
def test_stopping_and_going_on_gives_the_weights_of_never_stopping(
    stop_after: int,
    small_run: maskwright.Run,
    shared_photos: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    settings = {**QUICK, "epochs": 2, "ema": 0.9}
    whole = maskwright.finetune(small_run.path, shared_photos, out=tmp_path / "whole", **settings)
    asked = iter([False] * stop_after + [True] + [False] * 100)
    monkeypatch.setattr("maskwright.training.stop.StopSignals.asked", lambda _: next(asked))
    parted = maskwright.finetune(small_run.path, shared_photos, out=tmp_path / "parted", **settings)
    assert parted.report == {}
    with pytest.raises(MaskwrightError, match=r"these differ: ema \(0.9 there, 0.5 asked\)"):
        maskwright.finetune(out=tmp_path / "parted", resume=True, ema=0.5)
    again = maskwright.finetune(out=tmp_path / "parted", resume=True)
    assert again.report["correct"] == whole.report["correct"]
    one, two = (
        torch.load(done.path / "checkpoints/last.ckpt", weights_only=True)["state_dict"]
        for done in (whole, again)
    )
    assert all(torch.equal(value, two[name]) for name, value in one.items())
    assert [
        row["step"] for row in maskwright.Run(maskwright.open_run(again.path).folder).metrics
    ] == [row["step"] for row in maskwright.open_run(whole.path).metrics]


def test_the_best_epoch_is_chosen_on_held_out_train_pictures(
    small_run: maskwright.Run, shared_photos: Path, tmp_path: Path
) -> None:
    done = maskwright.finetune(
        small_run.path,
        shared_photos,
        out=tmp_path / "held",
        choose="held_out",
        held_out=0.2,
        **{**QUICK, **PLAIN, "epochs": 4},
    )
    looked = [
        row["held_out_top1"]
        for row in maskwright.open_run(done.path).metrics
        if "held_out_top1" in row
    ]
    assert len(looked) == 4
    assert done.report["num_held_out"] == 8
    assert done.report["num_train"] == 32
    best = torch.load(done.path / "checkpoints/best.ckpt", weights_only=True)
    assert best["epoch"] == looked.index(max(looked))


def test_random_weights_take_the_same_recipe(
    small_run: maskwright.Run, shared_photos: Path
) -> None:
    asked = LabeledSettings(data=str(shared_photos), shots="4")
    loaded = load_any_encoder(small_run.path)
    data = open_pictures(asked, loaded.model.config, LogReporter(visible=False))
    before = {name: value.clone() for name, value in loaded.model.state_dict().items()}
    settings = FinetuneSettings(epochs=1, precision="32-true")
    train = build_finetune_data(data.train, settings, 0, torch.device("cpu"))
    quiet = LogReporter(visible=False)
    found = [
        measure_finetune(loaded, train, data.test, quiet, from_scratch=scratch)
        for scratch in (False, True)
    ]
    assert [one["from"] for one in found] == ["encoder", "random weights"]
    assert [one["num_train"] for one in found] == [8, 8]
    assert found[0]["protocol"] == found[1]["protocol"]
    assert all(
        torch.equal(value, before[name]) for name, value in loaded.model.state_dict().items()
    )  # the encoder is copied, not trained


def test_gray_pictures_are_tuned_on(shared_photos: Path) -> None:
    source = open_source(shared_photos, split="train")
    loaded = load_any_encoder("timm:vit_tiny_patch16_224@random,image_size=32,channels=1")
    store = pack(source, short_side=32, channels=1)
    settings = FinetuneSettings(epochs=1, precision="32-true")
    train = build_finetune_data(store.subset(range(12, 28)), settings, 0, torch.device("cpu"))
    test = store.subset(range(28, 36))
    found = measure_finetune(loaded, train, test, LogReporter(visible=False))
    assert found["num_test"] == 8


def test_the_command_line_trains_and_refuses(
    small_run: maskwright.Run, shared_photos: Path, tmp_path: Path, capsys: Any
) -> None:
    words = [
        "finetune",
        str(small_run.path),
        "--data",
        str(shared_photos),
        "--shots",
        "50%",
        "--set",
        "finetune.epochs=1",
    ]
    assert main([*words, "--device", "cpu", "--out", str(tmp_path / "line")]) == 0
    assert "fine-tuned from encoder: top-1" in capsys.readouterr().out
    assert main([*words, "--out", str(tmp_path / "line")]) == 2
    assert "it is complete" in capsys.readouterr().err
    assert main([*words, "--layer-decy", "0.5"]) == 2
    assert "--layer-decay" in capsys.readouterr().err
    assert main(["finetune", str(small_run.path), "--data", str(shared_photos), "--fold", "1"]) == 2
    assert "torchvision:STL10" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"batch_size": 7}, "batch_size is even; got 7"),
        ({"epochs": 3, "minutes": 1}, "one of epochs and minutes"),
        ({"layer_decay": 0}, "layer_decay lies between"),
        ({"droppath": 0.1}, r"Unknown setting 'droppath'. Did you mean 'drop_path'"),
        ({"choose": "best"}, "choose"),
    ],
)
def test_wrong_settings_are_told_in_a_sentence(given: dict[str, Any], words: str) -> None:
    with pytest.raises(MaskwrightError, match=words):
        build_finetune_settings(given)


def test_what_is_left_open_is_chosen_for_the_number_of_pictures() -> None:
    small, large = FinetuneSettings().fitted(100), FinetuneSettings().fitted(50_000)
    assert (small.batch_size, small.epochs) == (16, 100)
    assert (large.batch_size, large.epochs) == (128, 10)
    assert FinetuneSettings().fitted(5).batch_size == 4  # even, for pictures are mixed in pairs


def test_shots_that_make_no_sense_are_told_at_once() -> None:
    for words in ("0", "120%", "few"):
        with pytest.raises(MaskwrightError, match="Shots are"):
            LabeledSettings(data="anywhere", shots=words)


def test_each_fold_is_a_run_of_its_own_and_the_spread_is_told(
    small_run: maskwright.Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    base = tmp_path / "cache/torchvision/stl10_binary"
    base.mkdir(parents=True)
    rng = np.random.default_rng(0)
    for name in ("train", "test"):
        rng.integers(0, 256, (8, 3, 96, 96), dtype=np.uint8).tofile(base / f"{name}_X.bin")
        np.array([1, 2] * 4, dtype=np.uint8).tofile(base / f"{name}_y.bin")
    (base / "class_names.txt").write_text("\n".join("abcdefghij"))
    (base / "fold_indices.txt").write_text(
        "".join(f"{fold % 5} {fold % 5 + 1} {fold % 5 + 2} {fold % 5 + 3}\n" for fold in range(10))
    )
    monkeypatch.setattr("torchvision.datasets.stl10.check_integrity", lambda *_: True)
    monkeypatch.setenv("MASKWRIGHT_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr("maskwright.workflows.finetuning.folds.NUM_FOLDS", 2)
    done = maskwright.finetune(
        small_run.path,
        "torchvision:STL10",
        fold="all",
        out=tmp_path / "folds",
        **{**QUICK, "epochs": 1, "batch_size": 2},
    )
    assert list(done.report["folds"]) == ["torchvision:STL10?fold=0", "torchvision:STL10?fold=1"]
    assert "over 2 folds" in done.report["spread"]
    assert maskwright.open_run(done.path / "fold_1").status["result"]["num_train"] == 4
