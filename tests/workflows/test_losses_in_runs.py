"""Losses inside a run: what is written down, what is refused before the pictures are decoded, what is never trained or saved."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

import maskwright
from maskwright.support.errors import MaskwrightError
from maskwright.workflows.listing import list_losses
from tests.workflows.conftest import SMALL

TINY: dict[str, Any] = {**SMALL, "val": "0.2", "steps": 3}
VGG = "perceptual(weights='random', layers=['relu1_1', 'relu2_1'])"


def rows(run: maskwright.Run, column: str) -> list[dict[str, Any]]:
    return [row for row in run.metrics if column in row]


def test_every_term_and_every_moving_weight_is_written_down(photos: Path, tmp_path: Path) -> None:
    run = maskwright.pretrain(photos, out=tmp_path / "run", loss="mse + 1->0*laplacian + 0.01*uniformity", **TINY)
    trained = rows(run, "loss")
    assert [row["weight_laplacian"] for row in (trained[0], trained[-1])] == [1.0, 0.0]
    assert "weight_mse" not in trained[0]
    last = trained[-1]
    assert last["loss"] == pytest.approx(last["loss_mse"] + 0.01 * last["loss_uniformity"], rel=1e-4)
    held = rows(run, "val_loss")[-1]
    assert held["val_loss"] == pytest.approx(held["val_loss_mse"] + 0.01 * held["val_loss_uniformity"], rel=1e-4)
    assert {"val_loss_random75", "val_loss_random75_mse"} <= held.keys()


@pytest.mark.parametrize("decoder", ["full", "cross"])
def test_visible_patches_are_predicted_and_counted_where_a_loss_asks(photos: Path, tmp_path: Path, decoder: str) -> None:
    plain, more = (
        maskwright.pretrain(photos, out=tmp_path / name, loss=loss, decoder=decoder, **TINY)
        for name, loss in (("plain", "mse"), ("more", "mse(visible=0.1)"))
    )
    assert plain.status["decoder_tokens"] == 3 * 8 * 12
    assert more.status["decoder_tokens"] == 3 * 8 * 16
    assert more.status["training_flops"] > plain.status["training_flops"]


def test_the_perceptual_network_is_neither_trained_nor_saved(photos: Path, tmp_path: Path) -> None:
    run = maskwright.pretrain(photos, out=tmp_path / "run", loss=f"0.6*mse + 0.4*{VGG}", ema=0.9, **TINY)
    saved = torch.load(run.path / "checkpoints" / "last.ckpt", weights_only=True)
    assert not [name for name in saved["state_dict"] if not name.startswith("model.")]
    trained = sum(len(group["params"]) for group in saved["optimizer_states"][0]["param_groups"])
    assert trained <= len(list(run.model().parameters()))
    assert rows(run, "loss")[-1]["loss_perceptual"] > 0


def test_a_gray_run_can_be_perceptual(photos: Path, tmp_path: Path) -> None:
    run = maskwright.pretrain(photos, out=tmp_path / "run", loss=VGG, **{**TINY, "channels": 1, "steps": 1})
    assert run.status["state"] == "finished"


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"loss": "mse + laplacain"}, "Did you mean 'laplacian'"),
        ({"loss": "mse + uniformity", "batch_size": 1}, "batch_size of at least 2"),
        ({"loss": "mse + uniformity(of='class')", "class_token": False}, "this encoder has none"),
        ({"loss": "perceptual(weights='nowhere.pth')"}, "no weights at 'nowhere.pth'"),
    ],
)
def test_a_loss_that_cannot_work_is_refused_before_anything_is_written(
    photos: Path, tmp_path: Path, changes: dict[str, Any], message: str
) -> None:
    with pytest.raises(MaskwrightError, match=message):
        maskwright.pretrain(photos, out=tmp_path / "run", **{**TINY, **changes})
    assert not (tmp_path / "run").exists()


def test_losses_are_listed_with_options_and_defaults() -> None:
    _, listed = list_losses()
    options = {name: shown for name, _, shown in listed}
    assert options["smooth_l1"] == "beta=1.0, visible=0.0, weight=None, floor=0.1"
    assert options["uniformity"] == "t=2.0, of=mean"
    assert options["perceptual"].startswith("extractor=vgg19, weights=imagenet")
