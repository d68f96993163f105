"""A run from the first word to the exported encoder, what it leaves behind, and that stopping never
costs anything.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import timm
import torch
from safetensors.torch import load_file

import maskwright
from maskwright.support.errors import MaskwrightError
from maskwright.training.checkpoints import Checkpoints
from maskwright.training.module import PretrainModule
from tests.workflows.conftest import SMALL

TINY: dict[str, Any] = {**SMALL, "val": "0.2"}


def weights(run: maskwright.Run, name: str = "last") -> dict[str, torch.Tensor]:
    return torch.load(run.path / "checkpoints" / f"{name}.ckpt", weights_only=True)["state_dict"]


def same(left: dict[str, torch.Tensor], right: dict[str, torch.Tensor]) -> bool:
    return left.keys() == right.keys() and all(
        torch.equal(left[name], right[name]) for name in left
    )


def test_epochs_to_keep_that_are_never_reached_are_told(
    photos: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    maskwright.pretrain(photos, out=tmp_path / "run", epochs=1, keep=[1, 5, 9], **TINY)
    assert "--keep 5,9 has no effect: the epochs are 1 to 1." in caplog.text


def test_a_run_leaves_everything_it_promises(photos: Path, tmp_path: Path) -> None:
    run = maskwright.pretrain(
        photos, out=tmp_path / "run", epochs=2, keep=[1], **{**TINY, "track": ["tensorboard"]}
    )
    names = {str(path.relative_to(run.path)) for path in run.path.rglob("*") if path.is_file()}
    expected = {
        "config.yaml",
        "run.json",
        "metrics.jsonl",
        "train.log",
        "checkpoints/last.ckpt",
        "checkpoints/best_knn.ckpt",
        "checkpoints/epoch_0001.ckpt",
        "samples/epoch_0001.png",
        "samples/epoch_0002.png",
        "masks/gallery.png",
        "exported/encoder.safetensors",
        "exported/encoder.json",
    }
    assert expected <= names
    assert any("tfevents" in name for name in names)
    status = run.status
    assert status["state"] == "finished"
    assert {
        "versions",
        "seed",
        "data_fingerprint",
        "device",
        "training_flops",
        "seconds",
        "baselines",
    } <= status.keys()
    assert status["images"] == 2 * 32
    held = [row for row in run.metrics if "val_loss" in row]
    assert [row["epoch"] for row in held] == [1, 2]
    assert all({"val_loss_random75", "knn_top1"} <= row.keys() for row in held)


def test_the_exported_encoder_opens_in_timm_and_agrees(photos: Path, tmp_path: Path) -> None:
    run = maskwright.pretrain(photos, out=tmp_path / "run", steps=2, **TINY)
    about = json.loads((run.path / "exported" / "encoder.json").read_text())
    encoder = timm.models.vision_transformer.VisionTransformer(**about["arguments"])
    encoder.load_state_dict(load_file(run.path / "exported" / "encoder.safetensors"))
    images = torch.rand(2, 3, 16, 16)
    with torch.no_grad():
        assert torch.allclose(
            encoder.eval().forward_features(images), run.model().encode(images), atol=1e-5
        )


def test_the_same_recipe_gives_the_same_weights(photos: Path, tmp_path: Path) -> None:
    first = maskwright.pretrain(photos, out=tmp_path / "a", epochs=1, **TINY)
    again = maskwright.pretrain(recipe=first.path / "config.yaml", out=tmp_path / "b")
    assert same(weights(first), weights(again))
    other = maskwright.pretrain(recipe=first.path / "config.yaml", out=tmp_path / "c", seed=1)
    assert not same(weights(first), weights(other))


@pytest.mark.parametrize(
    ("optimizer", "stops"), [("adamw", (2, 4, 5, 8, 11)), ("muon", (2, 5))], ids=str
)
def test_stopping_and_resuming_is_bit_identical_to_never_stopping(
    photos: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    optimizer: str,
    stops: tuple[int, ...],
) -> None:
    """Four batches an epoch: stops fall inside epochs, on their last batch, and right after their
    first.
    """
    options = {
        **TINY,
        "epochs": 3,
        "policy": "0.5*random + 0.5*block(size=2)",
        "ratio": "0.5->0.75",
        "ema": 0.9,
        "optimizer": optimizer,
    }
    whole = maskwright.pretrain(photos, out=tmp_path / "whole", **options)
    for stop_after in stops:
        out = tmp_path / f"stopped-after-{stop_after}"
        with monkeypatch.context() as patch:
            stop_at(patch, stop_after)
            part = maskwright.pretrain(photos, out=out, **options)
        assert part.status["state"] == "stopped"
        assert not same(weights(whole), weights(part))
        resumed = maskwright.pretrain(resume=True, out=out)
        assert resumed.status["state"] == "finished"
        assert same(weights(whole), weights(resumed)), stop_after
        assert rows_of(whole, "step", "loss") == rows_of(resumed, "step", "loss")
        assert rows_of(whole, "epoch", "val_loss") == rows_of(resumed, "epoch", "val_loss")


def rows_of(run: maskwright.Run, *names: str) -> list[tuple[float, ...]]:
    """The values of those rows of a run that have them all."""
    return [
        tuple(row[name] for name in names)
        for row in run.metrics
        if all(name in row for name in names)
    ]


@pytest.mark.parametrize("optimizer", ["adamw", "muon"])
def test_gradients_that_were_added_up_are_resumed_exactly_too(
    photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, optimizer: str
) -> None:
    options = {**TINY, "epochs": 3, "accumulate": 2, "ema": 0.9, "optimizer": optimizer}
    whole = maskwright.pretrain(photos, out=tmp_path / "whole", **options)
    with monkeypatch.context() as patch:
        stop_at(patch, 3)
        maskwright.pretrain(photos, out=tmp_path / "part", **options)
    resumed = maskwright.pretrain(resume=True, out=tmp_path / "part")
    assert same(weights(whole), weights(resumed))


def test_a_run_begun_before_optimizers_could_be_chosen_goes_on_with_adamw(
    photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    options = {**TINY, "epochs": 2, "optimizer": "adamw"}
    whole = maskwright.pretrain(photos, out=tmp_path / "whole", **options)
    with monkeypatch.context() as patch:
        stop_at(patch, 3)
        maskwright.pretrain(photos, out=tmp_path / "part", **options)
    config = tmp_path / "part" / "config.yaml"
    config.write_text(config.read_text().replace("  optimizer: adamw\n", ""))
    resumed = maskwright.pretrain(resume=True, out=tmp_path / "part")
    assert same(weights(whole), weights(resumed))


def stop_at(patch: pytest.MonkeyPatch, step: int) -> None:
    """Ask for a stop after that optimizer step, as Ctrl-C does."""
    original = Checkpoints.on_train_batch_end

    def stopping(self: Checkpoints, trainer: Any, module: Any) -> None:
        self.wants_stop = lambda: trainer.global_step >= step
        original(self, trainer, module)

    patch.setattr(Checkpoints, "on_train_batch_end", stopping)


def test_gradient_accumulation_equals_one_larger_batch(photos: Path, tmp_path: Path) -> None:
    options = {
        **TINY,
        "crop": "center",
        "flip": False,
        "lr": 1e-3,
        "clip": 0.0,
        "steps": 2,
        "warmup": 0.0,
    }
    large = maskwright.pretrain(photos, out=tmp_path / "large", **{**options, "batch_size": 16})
    small = maskwright.pretrain(
        photos, out=tmp_path / "small", **{**options, "batch_size": 8, "accumulate": 2}
    )
    left, right = weights(large), weights(small)
    assert max(float((left[name] - right[name]).abs().max()) for name in left) < 1e-4


def test_the_limit_of_the_gradient_reaches_the_run(photos: Path, tmp_path: Path) -> None:
    """Norms here are about 1.5: a limit above them changes nothing, one below changes the weights
    but not the norm on record.
    """
    options = {**TINY, "steps": 3, "lr": 1e-3, "warmup": 0.0}
    none, high, low = (
        maskwright.pretrain(photos, out=tmp_path / name, clip=clip, **options)
        for name, clip in (("none", 0.0), ("high", 100.0), ("low", 1e-6))
    )
    assert same(weights(none), weights(high))
    assert not same(weights(none), weights(low))
    first = [run.metrics[0]["grad_norm"] for run in (none, low)]
    assert first[0] == first[1] > 0.1


def test_several_masks_per_image_differ_and_are_counted(photos: Path, tmp_path: Path) -> None:
    run = maskwright.pretrain(photos, out=tmp_path / "run", epochs=1, masks_per_image=3, **TINY)
    assert run.status["images"] == 3 * 32


def test_init_starts_from_the_weights_of_a_run(photos: Path, tmp_path: Path) -> None:
    first = maskwright.pretrain(photos, out=tmp_path / "a", epochs=1, **TINY)
    still = maskwright.pretrain(
        photos, out=tmp_path / "b", steps=1, init=str(first.path), lr=0.0, **TINY
    )
    assert same(weights(first), weights(still))


@pytest.mark.parametrize(
    "changes",
    [
        {"positions": "rotary", "class_token": False},
        {"positions": "none", "registers": 2},
        {"positions": "learned", "decoder": "cross", "predict": 0.34},
        {"target": "raw", "loss": "0.5*mse + 0.5*l1"},
        {"image_size": "16x24", "channels": 1},
        {"ratio": "uniform(0.4, 0.8)", "policy": "inverse_block(roll=True)"},
        {"optimizer": "muon", "policy": "adversarial"},
        {"precision": "bf16-mixed"},
    ],
    ids=str,
)
def test_variants_learn(photos: Path, tmp_path: Path, changes: dict[str, Any]) -> None:
    """What is known after training is known of pictures that were held out, under masks that all
    variants share.
    """
    length = {"epochs": 12, "lr": 5e-3, "warmup": 0.0, "knn_every": 0}
    run = maskwright.pretrain(photos, out=tmp_path / "run", **{**TINY, **length, **changes})
    held = [row["val_loss_random75"] for row in run.metrics if "val_loss_random75" in row]
    assert held[-1] < 0.9 * held[0]


def test_minutes_end_a_training(photos: Path, tmp_path: Path) -> None:
    run = maskwright.pretrain(photos, out=tmp_path / "run", minutes=0.02, **TINY)
    assert run.status["state"] == "finished"
    assert 1.2 <= run.status["seconds"] < 20
    rates = [row["lr"] for row in run.metrics if "lr" in row]
    assert rates[-1] < 0.1 * max(rates)


def test_arrays_from_python_are_data_too(tmp_path: Path) -> None:
    pictures = np.random.default_rng(0).integers(0, 255, (24, 16, 16, 3), dtype=np.uint8)
    run = maskwright.pretrain(pictures, out=tmp_path / "run", steps=2, **TINY)
    assert run.status["pictures"] + run.status["held_out"] == 24
    result = run.reconstruct(pictures[:3])
    assert result.sheet.dtype == np.uint8
    assert len(result.result.psnr) == 3


def test_a_finished_or_unfinished_folder_is_not_written_over(photos: Path, tmp_path: Path) -> None:
    run = maskwright.pretrain(photos, out=tmp_path / "run", steps=1, **TINY)
    with pytest.raises(MaskwrightError, match=r"--resume.*--overwrite"):
        maskwright.pretrain(photos, out=tmp_path / "run", steps=1, **TINY)
    with pytest.raises(MaskwrightError, match="nothing to resume"):
        maskwright.pretrain(resume=True, out=tmp_path / "run")
    run.folder.update_status(state="stopped")
    with pytest.raises(
        MaskwrightError, match=r"--resume goes on with it, --overwrite starts it again"
    ):
        maskwright.pretrain(photos, out=tmp_path / "run", steps=1, **TINY)
    again = maskwright.pretrain(photos, out=tmp_path / "run", overwrite=True, steps=1, **TINY)
    assert again.status["state"] == "finished"


def test_overwrite_leaves_a_folder_without_a_run_alone(photos: Path, tmp_path: Path) -> None:
    (tmp_path / "thesis").mkdir()
    (tmp_path / "thesis" / "chapter.txt").write_text("years of work")
    with pytest.raises(MaskwrightError, match="holds files but no run"):
        maskwright.pretrain(photos, out=tmp_path / "thesis", overwrite=True, steps=1, **TINY)
    assert (tmp_path / "thesis" / "chapter.txt").exists()


def test_resume_refuses_changed_settings_and_changed_pictures(
    photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        stop_at(patch, 1)
        maskwright.pretrain(photos, out=tmp_path / "run", epochs=2, **TINY)
    with pytest.raises(MaskwrightError, match=r"these differ: ratio \(0.75 there, 0.5 asked\)"):
        maskwright.pretrain(resume=True, out=tmp_path / "run", ratio=0.5)
    with pytest.raises(MaskwrightError, match=r"these differ: lr \(.* there, 3.0 asked\)"):
        maskwright.pretrain(resume=True, out=tmp_path / "run", assignments=["train.lr=3"])
    (photos / "even" / "000.png").unlink()
    with pytest.raises(MaskwrightError, match="have changed"):
        maskwright.pretrain(resume=True, out=tmp_path / "run")


def test_a_damaged_checkpoint_is_named_on_resume(
    photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        stop_at(patch, 1)
        maskwright.pretrain(photos, out=tmp_path / "run", epochs=2, **TINY)
    (tmp_path / "run" / "checkpoints" / "last.ckpt").write_bytes(b"half of a checkpoint")
    with pytest.raises(MaskwrightError, match=r"last.ckpt is damaged"):
        maskwright.pretrain(resume=True, out=tmp_path / "run")


def test_a_full_disk_keeps_the_earlier_checkpoint(
    photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    saves = {"count": 0}
    original = torch.save

    def full(content: Any, file: Any) -> None:
        saves["count"] += 1
        if saves["count"] > 2:
            file.write(b"half")
            raise OSError(28, "No space left on device")
        original(content, file)

    monkeypatch.setattr(torch, "save", full)
    with pytest.raises(MaskwrightError, match=r"No space left on device.*The earlier .* is intact"):
        maskwright.pretrain(photos, out=tmp_path / "run", epochs=3, **{**TINY, "knn_every": 0})
    monkeypatch.undo()
    run = maskwright.open_run(tmp_path / "run")
    assert run.status["state"] == "failed"
    assert run.model().grid.num_patches == 16


@pytest.mark.parametrize("policy", ["random", "hard(mix=0.5)", "predicted_hard"])
def test_losses_that_are_not_finite_are_skipped_and_three_in_a_row_stop_the_run(
    photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, policy: str
) -> None:
    original = PretrainModule.training_step
    bad: set[int] = {1}

    def poisoned(self: PretrainModule, batch: Any) -> torch.Tensor:
        value = original(self, batch)
        return value * float("nan") if self.counts["images"] // 8 - 1 in bad else value

    monkeypatch.setattr(PretrainModule, "training_step", poisoned)
    run = maskwright.pretrain(photos, out=tmp_path / "once", epochs=1, policy=policy, **TINY)
    assert run.status["skipped_steps"] == 1
    tensors = [value for value in weights(run).values() if isinstance(value, torch.Tensor)]
    assert all(torch.isfinite(value).all() for value in tensors)
    bad |= {5, 6, 7}
    with pytest.raises(
        MaskwrightError, match=r"three times in a row.*last good checkpoint is .*last.ckpt"
    ):
        maskwright.pretrain(photos, out=tmp_path / "thrice", epochs=3, policy=policy, **TINY)
    assert maskwright.open_run(tmp_path / "thrice").status["state"] == "failed"


@pytest.mark.parametrize(
    ("changes", "fragment"),
    [
        ({"image_size": 18}, "does not divide into 4-pixel patches; use 16x16"),
        ({"ratio": 0.99}, "leaves no visible patch of 16"),
        ({"ratio": "0.5->1.0"}, "between 0 and 1"),
        ({"policy": "blok"}, "Did you mean 'block'?"),
        ({"policy": "block(sise=2)"}, "Did you mean 'size'?"),
        ({"policy": "block(size=9)"}, "block"),
        ({"policy": "given(path='/no/mask.png')"}, "There is no mask"),
        ({"model": "vit_tinny"}, "Did you mean 'vit_tiny'?"),
        ({"loss": "mze"}, "Did you mean 'mse'?"),
        ({"heads": 5}, "does not divide into 5 heads"),
        ({"val": "2.5"}, "--val is a share"),
        ({"init": "/no/such/run"}, "There is no run or checkpoint"),
        ({"device": "gpu"}, "Unknown device 'gpu'"),
        ({"policy": "guided(hide=salent)"}, "got 'salent'. Did you mean 'salient'?"),
        ({"policy": "grid(phase=nope)"}, "to be one of cell, global; got 'nope'."),
        ({"image_size": 16, "patch_size": 16}, "use smaller patches"),
        ({"loss": "0*mse"}, "nothing is minimized"),
        ({"strategy": "ddpp"}, "Did you mean 'ddp'?"),
        ({"optimizer": "adam"}, "Did you mean 'adamw'?"),
        ({"strategy": "fsdp"}, "a whole copy of the model (ddp)"),
    ],
    ids=str,
)
def test_a_wrong_setting_is_a_sentence_before_anything_is_written(
    photos: Path, tmp_path: Path, changes: dict[str, Any], fragment: str
) -> None:
    with pytest.raises(MaskwrightError) as caught:
        maskwright.pretrain(photos, out=tmp_path / "run", **{"steps": 1, **TINY, **changes})
    assert fragment in str(caught.value)
    assert not (tmp_path / "run" / "checkpoints").exists()


def test_a_run_inside_its_own_pictures_can_be_resumed(
    photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        stop_at(patch, 1)
        maskwright.pretrain(photos, out=photos / "runs" / "mine", epochs=2, **TINY)
    (photos / "runs" / "mine" / "figure.png").write_bytes(
        (photos / "even" / "000.png").read_bytes()
    )
    assert (
        maskwright.pretrain(resume=True, out=photos / "runs" / "mine").status["state"] == "finished"
    )


def test_out_that_is_a_file_is_refused(photos: Path, tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    for overwrite in (False, True):
        with pytest.raises(MaskwrightError, match="is a file, not a folder"):
            maskwright.pretrain(
                photos, out=tmp_path / "notes.txt", overwrite=overwrite, steps=1, **TINY
            )
    with pytest.raises(MaskwrightError, match="Cannot make the folder"):
        maskwright.pretrain(photos, out="/proc/no/run", steps=1, **TINY)
    assert (tmp_path / "notes.txt").read_text() == "mine"


def test_the_exported_encoder_knows_its_own_heads(photos: Path, tmp_path: Path) -> None:
    run = maskwright.pretrain(
        photos, out=tmp_path / "run", steps=1, **{**TINY, "width": 64, "heads": 4}
    )
    assert maskwright.load(run.path / "exported" / "encoder.safetensors").config.heads == 4


def test_the_default_folder_is_named_and_numbered(
    photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    names = [
        maskwright.pretrain(photos, steps=1, policy="block(size=2)", **TINY).path.name
        for _ in range(2)
    ]
    assert names == ["photos-vit_nano-block_size_2", "photos-vit_nano-block_size_2-2"]
