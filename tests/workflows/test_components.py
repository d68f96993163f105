"""Runs that hide components of whole pictures: trained, shown, measured, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

import maskwright
from maskwright.support.errors import MaskwrightError
from tests.conftest import draw_pictures
from tests.workflows.conftest import SMALL

TINY: dict[str, Any] = {
    **{name: value for name, value in SMALL.items() if name not in ("decoder", "predict")},
    "val": "0.2",
    "steps": 3,
    "lr": 1e-3,
}


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> maskwright.Run:
    """A finished run on 40 pictures of two classes."""
    root = tmp_path_factory.mktemp("components")
    for index, picture in enumerate(draw_pictures(40)):
        place = root / "photos" / ("even" if index % 2 == 0 else "odd")
        place.mkdir(parents=True, exist_ok=True)
        Image.fromarray(picture).save(place / f"{index:03d}.png")
    options = {**TINY, "policy": "components(share=0.6)", "checkup": True}
    return maskwright.pretrain(root / "photos", out=root / "run", **options)


@pytest.mark.parametrize("line", ["components(basis=dct, share=0.5)", "components(count=4)"])
def test_it_trains_with_what_follows_from_it(photos: Path, tmp_path: Path, line: str) -> None:
    options = {**TINY, "loss": "mse + 0.1*laplacian", "masks_per_image": 2, "ema": 0.9}
    trained = maskwright.pretrain(photos, out=tmp_path / "run", policy=line, **options)
    assert trained.status["state"] == "finished"
    # chosen, because whole pictures are predicted and compared
    model = trained.settings.model
    assert (model.target, model.decoder, trained.settings.mask.predict) == ("raw", "full", 1.0)
    rows = [row for row in trained.metrics if "loss" in row]
    assert all(0 < row["loss"] < 100 for row in rows)
    wanted = 0.5 if "share" in line else 0.75
    assert all(abs(row["masked"] - wanted) < 0.25 for row in rows)
    # every patch is seen, so that is what is counted
    assert all(row["num_visible"] == 16 for row in rows)


def test_a_run_leaves_what_makes_sense_of_it(run: maskwright.Run) -> None:
    assert run.settings.mask.ratio == 0.6
    # the mean picture and no fills of patches
    assert set(run.status["baselines"]) == {"mean_picture"}
    assert run.status["psnr"] is None
    assert run.status["verdict"]
    assert any("val_loss" in row for row in run.metrics)
    assert not any("val_loss_random75" in row for row in run.metrics)
    statistics = json.loads((run.path / "masks" / "statistics.json").read_text())
    assert statistics["hidden_variance"] == pytest.approx(0.6, abs=0.15)
    assert statistics["parts"] == len(statistics["share_of_variance"]) == 17
    for name in ("masks/gallery.png", "masks/final.png"):
        assert (run.path / name).exists()
    assert list((run.path / "samples").glob("*.png"))


def test_features_and_probes_work_as_for_any_run(run: maskwright.Run, tmp_path: Path) -> None:
    data = run.settings.data.data
    measured = maskwright.evaluate(run.path, data, probe="knn", baselines=False, device="cpu")
    assert all("knn" in probes for probes in measured.values())
    exported = maskwright.export(run.path, format="timm", out=tmp_path / "timm")
    assert exported.path.exists()


def test_reconstruct_shows_what_was_seen_and_predicted(run: maskwright.Run, tmp_path: Path) -> None:
    images = np.stack(list(draw_pictures(3, seed=5)))
    made = maskwright.reconstruct(run.path, images, out=str(tmp_path / "sheet.png"), device="cpu")
    numbers = json.loads((tmp_path / "sheet.json").read_text())
    gain = [after - before for after, before in zip(*_psnr(numbers), strict=True)]
    assert numbers["psnr_gain"]["value"] == pytest.approx(sum(gain) / 3, abs=1e-3)
    assert len(numbers["per_picture"]["explained"]) == 3
    assert made.sheet.ndim == 3
    # less hidden leaves more to see
    less = maskwright.reconstruct(run.path, images, ratio=0.2, device="cpu").numbers
    assert less["psnr_of_seen"]["value"] > numbers["psnr_of_seen"]["value"]


def _psnr(numbers: dict[str, Any]) -> tuple[list[float], list[float]]:
    each = numbers["per_picture"]
    return each["psnr"], each["psnr_of_seen"]


def test_a_basis_comes_back_from_the_checkpoint_as_it_was_fitted(run: maskwright.Run) -> None:
    saved = torch.load(run.path / "checkpoints" / "last.ckpt", weights_only=True)["state_dict"]
    shares = saved["masker.basis.shares"]
    assert float(shares.sum()) == pytest.approx(1, abs=1e-5)
    assert saved["masker.basis.directions"].shape == (16, 768)


@pytest.mark.parametrize(
    ("options", "fragment"),
    [
        ({"full": True}, "leave out --full"),
        ({"policy": "random"}, "leave out --policy"),
        ({"epochs": "all"}, "leave out --epochs"),
        ({"ratio": 1.0}, "between 0 and 1"),
    ],
)
def test_reconstruct_refuses_what_is_about_patches(
    run: maskwright.Run, options: dict[str, Any], fragment: str
) -> None:
    with pytest.raises(MaskwrightError, match=fragment):
        maskwright.reconstruct(run.path, draw_pictures(1), device="cpu", **options)


def test_what_needs_masked_patches_refuses_the_run(
    run: maskwright.Run, small_run: maskwright.Run
) -> None:
    with pytest.raises(MaskwrightError, match="never met a masked patch"):
        maskwright.reconstruct([small_run.path, run.path], draw_pictures(1), device="cpu")
    with pytest.raises(MaskwrightError, match="never met a masked patch"):
        maskwright.export(run.path, format="official")
    with pytest.raises(MaskwrightError, match="never met a masked patch"):
        maskwright.select(run.path, steps=1)
    # and a run of patches has no basis to hide by
    with pytest.raises(MaskwrightError, match="hides components of whole pictures, and here"):
        maskwright.reconstruct(small_run.path, draw_pictures(1), policy="components", device="cpu")


@pytest.mark.parametrize(
    ("options", "fragment"),
    [
        ({"target": "hog"}, "target is hog"),
        ({"predict": 0.5}, "--predict 0.5 has no meaning"),
        ({"loss": "mse(visible=0.1)"}, "compares visible patches"),
        ({"policy": "components(share=0.6)", "ratio": 0.5}, "same setting"),
        ({"ratio": 1.0}, "between 0 and 1"),
        ({"policy": "components(count=500)"}, "need more pictures"),
        ({"policy": "0.5*random + 0.5*components"}, "cannot be a part"),
        ({"policy": "components(basis=dct, bands=40)"}, "2 to 16 bands"),
    ],
)
def test_what_cannot_be_trained_is_refused(
    photos: Path, tmp_path: Path, options: dict[str, Any], fragment: str
) -> None:
    with pytest.raises(MaskwrightError, match=fragment):
        maskwright.pretrain(
            photos, out=tmp_path / "run", **{**TINY, "policy": "components", **options}
        )
    assert not (tmp_path / "run" / "checkpoints").exists()


def test_masks_shows_what_is_seen_of_pictures(photos: Path, tmp_path: Path) -> None:
    out = tmp_path / "masks.png"
    lines = "components(share=0.5); components(dct, share=0.9)"
    report = maskwright.masks(photos, lines, out=str(out), draws=200)
    assert out.exists()
    numbers = json.loads(out.with_suffix(".json").read_text())["policies"]
    half, most = numbers.values()
    assert half["variance"] == pytest.approx(0.5, abs=0.1)
    assert most["variance"] > half["variance"]
    assert set(report.hidden) == set(numbers)
    with pytest.raises(MaskwrightError, match="'random' hides patches and the others"):
        maskwright.masks(photos, "components; random", out=str(out))
