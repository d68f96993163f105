"""Losses inside a run: what is written down, what is refused before the pictures are decoded, what
is never trained or saved.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import maskwright
from maskwright.data.maps.map_writer import MapPlan, write_map
from maskwright.support.errors import MaskwrightError
from maskwright.workflows.listing import list_losses
from tests.data.map_stores import build_store
from tests.workflows.conftest import SMALL

TINY: dict[str, Any] = {**SMALL, "val": "0.2", "steps": 3}
VGG = "perceptual(weights='random', layers=['relu1_1', 'relu2_1'])"


def rows(run: maskwright.Run, column: str) -> list[dict[str, Any]]:
    return [row for row in run.metrics if column in row]


def test_every_term_and_every_moving_weight_is_written_down(photos: Path, tmp_path: Path) -> None:
    run = maskwright.pretrain(
        photos, out=tmp_path / "run", loss="mse + 1->0*laplacian + 0.01*uniformity", **TINY
    )
    trained = rows(run, "loss")
    assert [row["weight_laplacian"] for row in (trained[0], trained[-1])] == [1.0, 0.0]
    assert "weight_mse" not in trained[0]
    last = trained[-1]
    assert last["loss"] == pytest.approx(
        last["loss_mse"] + 0.01 * last["loss_uniformity"], rel=1e-4
    )
    held = rows(run, "val_loss")[-1]
    assert held["val_loss"] == pytest.approx(
        held["val_loss_mse"] + 0.01 * held["val_loss_uniformity"], rel=1e-4
    )
    assert {"val_loss_random75", "val_loss_random75_mse"} <= held.keys()


@pytest.mark.parametrize("decoder", ["full", "cross"])
def test_visible_patches_are_predicted_and_counted_where_a_loss_asks(
    photos: Path, tmp_path: Path, decoder: str
) -> None:
    plain, more = (
        maskwright.pretrain(photos, out=tmp_path / name, loss=loss, **{**TINY, "decoder": decoder})
        for name, loss in (("plain", "mse"), ("more", "mse(visible=0.1)"))
    )
    assert plain.status["decoder_tokens"] == 3 * 8 * 12
    assert more.status["decoder_tokens"] == 3 * 8 * 16
    assert more.status["training_flops"] > plain.status["training_flops"]


def test_the_perceptual_network_is_neither_trained_nor_saved(photos: Path, tmp_path: Path) -> None:
    run = maskwright.pretrain(
        photos, out=tmp_path / "run", loss=f"0.6*mse + 0.4*{VGG}", ema=0.9, **TINY
    )
    saved = torch.load(run.path / "checkpoints" / "last.ckpt", weights_only=True)
    assert not [name for name in saved["state_dict"] if not name.startswith(("model.", "masker."))]
    trained = sum(len(group["params"]) for group in saved["optimizer_states"][0]["param_groups"])
    assert trained <= len(list(run.model().parameters()))
    assert rows(run, "loss")[-1]["loss_perceptual"] > 0


def test_the_perceptual_network_is_counted_in_what_a_run_spends(
    photos: Path, tmp_path: Path
) -> None:
    """relu1_1 of a VGG on 16 x 16 pixels is one 3 x 3 convolution from 3 to 64 channels, counted
    three times.
    """
    plain, more = (
        maskwright.pretrain(photos, out=tmp_path / name, loss=loss, **TINY).status
        for name, loss in (
            ("plain", "mse"),
            ("more", "mse + perceptual(weights='random', layers=['relu1_1'])"),
        )
    )
    assert (
        more["training_flops"] - plain["training_flops"]
        == more["images"] * 3 * 2 * 16 * 16 * 64 * 3 * 9
    )


def test_maps_of_a_store_reach_the_loss_in_training_and_on_held_out_pictures(
    tmp_path: Path,
) -> None:
    """A map of ones changes nothing; a map of the left half changes the loss; a map that the store
    lacks is named.
    """
    store = build_store(tmp_path, [(16, 16)] * 40)
    half = np.zeros((16, 16), dtype=np.uint8)
    half[:, :8] = 255
    for name, drawn in (("flat", np.full((16, 16), 255, dtype=np.uint8)), ("left", half)):
        write_map(
            store,
            MapPlan(name=name, kind="share", made="by hand"),
            lambda ids, drawn=drawn: [drawn for _ in ids],
        )
    found = {}
    for line in ("mse", "mse(weight='flat')", "mse(weight='left')"):
        run = maskwright.pretrain(store.folder, out=tmp_path / line, loss=line, **TINY)
        found[line] = [
            rows(run, column)[0][column] for column in ("loss", "val_loss", "val_loss_random75")
        ]
    assert found["mse(weight='flat')"] == pytest.approx(found["mse"], rel=1e-4)
    assert all(
        abs(left / plain - 1) > 1e-3
        for left, plain in zip(found["mse(weight='left')"], found["mse"], strict=True)
    )
    with pytest.raises(MaskwrightError, match="faces"):
        maskwright.pretrain(store.folder, out=tmp_path / "none", loss="mse(weight='faces')", **TINY)


def test_a_gray_run_can_learn_from_a_perceptual_loss(photos: Path, tmp_path: Path) -> None:
    options = {**TINY, "channels": 1, "steps": 96, "lr": 5e-3, "warmup": 0.0, "knn_every": 0}
    run = maskwright.pretrain(photos, out=tmp_path / "run", loss=VGG, **options)
    held = [row["val_loss"] for row in rows(run, "val_loss")]
    assert held[-1] < 0.9 * held[0]


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
    assert (
        options["smooth_l1"] == "beta=1.0, visible=0.0, weight=None, floor=0.1, by_distance=False"
    )
    assert options["uniformity"] == "t=2.0, of=mean"
    assert options["perceptual"].startswith("extractor=vgg19, weights=imagenet")
