"""Evaluate, reconstruct, masks and inspect on a real, small run."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import maskwright
from maskwright.support.errors import MaskwrightError
from maskwright.workflows.inspect import describe


def test_evaluate_reports_every_encoder_and_probe_and_saves_it(
    small_run: maskwright.Run, shared_photos: Path
) -> None:
    results = small_run.evaluate(data=str(shared_photos))
    assert set(results) == {"this encoder", "random weights", "raw pixels"}
    assert results["raw pixels"]["linear"]["top1"]["value"] > 0.95
    for by_probe in results.values():
        assert (
            by_probe["knn"]["top1"]["low"]
            <= by_probe["knn"]["top1"]["value"]
            <= by_probe["knn"]["top1"]["high"]
        )
        assert by_probe["linear"]["auroc"] is not None
    saved = json.loads(next((small_run.path / "eval").glob("*.json")).read_text())
    assert saved["results"]["this encoder"]["knn"]["num_test"] == 20
    assert "train and test" in saved["protocol"]


def test_evaluate_holds_a_quarter_out_where_there_are_no_splits(
    small_run: maskwright.Run, shared_photos: Path
) -> None:
    results = maskwright.evaluate(
        small_run.path, str(shared_photos / "train"), probe="knn", baselines=False
    )
    assert results["this encoder"]["knn"]["num_test"] == 10


def test_evaluate_takes_labels_from_a_file(
    small_run: maskwright.Run, photos: Path, tmp_path: Path
) -> None:
    flat = tmp_path / "flat"
    flat.mkdir()
    lines = ["file,label"]
    for index, file in enumerate(sorted(photos.rglob("*.png"))):
        (flat / f"{index}.png").write_bytes(file.read_bytes())
        lines.append(f"{index}.png,{'a' if index < 20 else 'b'}")
    with pytest.raises(MaskwrightError, match="no class folders"):
        maskwright.evaluate(small_run.path, str(flat), probe="knn")
    (tmp_path / "labels.csv").write_text("\n".join(lines))
    results = maskwright.evaluate(
        small_run.path, str(flat), probe="knn", labels=str(tmp_path / "labels.csv"), baselines=False
    )
    assert results["this encoder"]["knn"]["num_test"] == 10


def test_reconstruct_writes_a_sheet_and_its_numbers(
    small_run: maskwright.Run, shared_photos: Path, tmp_path: Path
) -> None:
    files = sorted(shared_photos.rglob("*.png"))[:3]
    result = maskwright.reconstruct(
        small_run.path, files, out=tmp_path / "sheet.png", policy="block(size=2)", ratio=0.5, seed=3
    )
    with Image.open(tmp_path / "sheet.png") as sheet:
        assert np.array_equal(np.asarray(sheet), result.sheet)
    saved = json.loads((tmp_path / "sheet.json").read_text())
    assert saved["pictures"] == [file.name for file in files]
    assert (saved["policy"], saved["seed"], saved["ratio"], saved["stats"]) == (
        "block(size=2)",
        3,
        0.5,
        "visible",
    )
    assert result.mask.num_masked == 8


def test_the_same_seed_gives_the_same_sheet_and_another_does_not(small_run: maskwright.Run) -> None:
    pictures = np.random.default_rng(0).integers(0, 255, (2, 16, 16, 3), dtype=np.uint8)
    sheets = [small_run.reconstruct(pictures, seed=seed).sheet for seed in (0, 0, 1)]
    assert np.array_equal(sheets[0], sheets[1])
    assert not np.array_equal(sheets[0], sheets[2])


@pytest.mark.parametrize(
    ("changes", "fragment"),
    [
        ({"ratio": 0.99}, "leaves no visible patch"),
        ({"policy": "blok"}, "Did you mean 'block'?"),
        ({"stats": "oracle"}, "stats is visible or target"),
    ],
)
def test_reconstruct_says_what_is_wrong(
    small_run: maskwright.Run, changes: dict[str, object], fragment: str
) -> None:
    with pytest.raises(MaskwrightError) as caught:
        small_run.reconstruct(np.zeros((1, 16, 16, 3), np.uint8), **changes)
    assert fragment in str(caught.value)


def test_masks_draws_a_gallery_and_measures_geometry(shared_photos: Path, tmp_path: Path) -> None:
    report = maskwright.masks(
        shared_photos,
        "random; block(size=2)",
        out=tmp_path / "m.png",
        draws=200,
        image_size=16,
        patch_size=2,
    )
    assert report.geometry["block(size=2)"].distance > report.geometry["random"].distance
    saved = json.loads((tmp_path / "m.json").read_text())
    assert (
        saved["policies"]["random"]["copy_error"]["value"]
        < saved["policies"]["block(size=2)"]["copy_error"]["value"]
    )
    assert np.array(saved["policies"]["random"]["share_masked"]).shape == (8, 8)
    with Image.open(tmp_path / "m.png") as gallery:
        assert gallery.width > gallery.height / 2


def test_masks_of_all_policies_leave_out_what_the_pictures_have_no_map_for(
    shared_photos: Path, tmp_path: Path
) -> None:
    report = maskwright.masks(
        shared_photos, policy="all", patch_size=4, draws=8, out=tmp_path / "every"
    )
    assert {"random", "block", "blue", "hard"} <= set(report.geometry)
    assert not {"foreground", "parts", "learned", "guided"} & set(report.geometry)
    assert report.path == tmp_path / "every.png"
    assert report.path.exists()


@pytest.mark.parametrize(
    ("out", "fragment"), [("m.jpg", "Use 'm.png'"), (".", "is a folder; name the PNG")]
)
def test_figures_are_png_files(shared_photos: Path, out: str, fragment: str) -> None:
    with pytest.raises(MaskwrightError, match=fragment):
        maskwright.masks(shared_photos, patch_size=4, draws=8, out=out)


def test_masks_takes_a_users_own_mask_file(shared_photos: Path, tmp_path: Path) -> None:
    hole = np.zeros((16, 16), np.uint8)
    hole[:8] = 255
    Image.fromarray(hole).save(tmp_path / "hole.png")
    rule = f"given(path='{tmp_path / 'hole.png'}')"
    report = maskwright.masks(
        shared_photos,
        [rule],
        ratio=0.5,
        out=tmp_path / "m.png",
        draws=50,
        image_size=16,
        patch_size=4,
    )
    expected = np.repeat([1.0, 1.0, 0.0, 0.0], 4).reshape(4, 4)
    assert np.array_equal(report.geometry[rule].share_masked, expected)


def test_inspect_describes_runs_and_files(small_run: maskwright.Run, tmp_path: Path) -> None:
    assert "is finished" in describe(str(small_run.path))
    told = describe(str(small_run.path / "checkpoints" / "last.ckpt"))
    assert "can reconstruct" in told
    assert "predicts normalized pixels" in told
    assert "encoder only" in describe(str(small_run.path / "exported" / "encoder.safetensors"))
    (tmp_path / "junk.ckpt").write_bytes(b"not a checkpoint")
    with pytest.raises(MaskwrightError, match=r"junk.ckpt"):
        describe(str(tmp_path / "junk.ckpt"))


def test_a_foreign_checkpoint_cannot_reconstruct_and_the_error_says_why(
    small_run: maskwright.Run, tmp_path: Path
) -> None:
    torch.save({"model": torch.nn.Linear(2, 2).state_dict()}, tmp_path / "yolo.pt")
    with pytest.raises(MaskwrightError, match=r"yolo.pt"):
        maskwright.reconstruct(tmp_path / "yolo.pt", np.zeros((1, 16, 16, 3), np.uint8))
    with pytest.raises(MaskwrightError, match="decoder"):
        maskwright.reconstruct(
            small_run.path / "exported" / "encoder.safetensors", np.zeros((1, 16, 16, 3), np.uint8)
        )


def test_an_older_checkpoint_can_be_opened_by_name(small_run: maskwright.Run) -> None:
    with pytest.raises(MaskwrightError, match=r"It has: best_knn, last|It has: last"):
        small_run.model("epoch_0100")
