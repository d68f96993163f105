"""Filling painted holes: nothing outside changes, nothing inside is read, and mistakes are one
sentence.
"""

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
from maskwright.workflows.filling.inpaint import feathered
from tests.conftest import draw_pictures

SIDES = (40, 56)


@pytest.fixture
def scene(tmp_path: Path) -> tuple[Path, Path, np.ndarray, np.ndarray]:
    """A picture of 40x56 pixels, its hole, and both as arrays."""
    picture = np.asarray(
        Image.fromarray(draw_pictures(1, side=64)[0]).crop((0, 0, SIDES[1], SIDES[0]))
    )
    hole = np.zeros(SIDES, bool)
    hole[11:23, 17:30] = True
    (tmp_path / "masks").mkdir()
    Image.fromarray(picture).save(tmp_path / "house.png")
    Image.fromarray(hole.astype(np.uint8) * 255).save(tmp_path / "masks" / "house.png")
    return tmp_path / "house.png", tmp_path / "masks" / "house.png", picture, hole


@pytest.mark.parametrize("fit", ["resize", "tile"])
@pytest.mark.parametrize("cover", ["any", "half"])
def test_pixels_outside_the_hole_stay_bit_for_bit(
    small_run: maskwright.Run,
    scene: tuple[Path, Path, np.ndarray, np.ndarray],
    tmp_path: Path,
    fit: Any,
    cover: Any,
) -> None:
    file, mask, picture, hole = scene
    result = small_run.reconstruct(file, mask=mask, fit=fit, cover=cover, out=tmp_path / "out.png")
    with Image.open(tmp_path / "out" / "house.png") as written:
        filled = np.asarray(written)
    assert np.array_equal(filled, result.pictures[0])
    assert np.array_equal(filled[~hole], picture[~hole])
    assert not np.array_equal(filled[hole], picture[hole])
    saved = json.loads((tmp_path / "out.json").read_text())
    assert (saved["fit"], saved["cover"], saved["stats"], saved["feather"]) == (
        fit,
        cover,
        "visible",
        4,
    )
    assert {"model", "mean color", "smooth"} <= set(saved["filled_by"])


@pytest.mark.parametrize("fit", ["resize", "tile"])
def test_what_lies_in_the_hole_is_never_read(
    small_run: maskwright.Run, scene: tuple[Path, Path, np.ndarray, np.ndarray], fit: Any
) -> None:
    _, _, picture, hole = scene
    damaged = picture.copy()
    damaged[hole] = 255 - damaged[hole]
    first, second = (
        small_run.reconstruct(one[None], mask=hole, fit=fit).pictures[0]
        for one in (picture, damaged)
    )
    assert np.array_equal(first, second)


def test_a_folder_of_masks_goes_by_name_and_another_size_is_resampled_and_said(
    small_run: maskwright.Run,
    scene: tuple[Path, Path, np.ndarray, np.ndarray],
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    file, mask, picture, hole = scene
    same = small_run.reconstruct(file, mask=mask.parent, out=tmp_path / "a.png").pictures[0]
    assert np.array_equal(same, small_run.reconstruct(picture[None], mask=hole).pictures[0])
    double = np.kron(hole, np.ones((2, 2), bool))
    assert np.array_equal(same, small_run.reconstruct(picture[None], mask=double).pictures[0])
    assert "resampled by area" in caplog.text


def test_the_scores_are_those_of_the_written_pictures(
    small_run: maskwright.Run, scene: tuple[Path, Path, np.ndarray, np.ndarray]
) -> None:
    _, _, picture, hole = scene
    result = small_run.reconstruct(picture[None], mask=hole)
    wrong = (result.pictures[0][hole].astype(float) - picture[hole]) / 255
    assert result.scores is not None
    lead = float(result.scores["model"].psnr[0] - result.scores["smooth"].psnr[0])
    assert result.numbers["psnr_of_model_minus"]["smooth"]["value"] == pytest.approx(lead, abs=1e-4)
    assert float(result.scores["model"].psnr[0]) == pytest.approx(
        -10 * np.log10((wrong**2).mean()), abs=1e-3
    )


def test_the_feather_rises_inside_the_hole_and_not_at_the_border_of_the_picture() -> None:
    hole = torch.zeros(12, 12, dtype=torch.bool)
    hole[:8, 2:10] = True
    share = feathered(hole, 3)
    assert (share[~hole] == 0).all()
    assert torch.allclose(share[0, 2:7], torch.tensor([0.25, 0.5, 0.75, 1.0, 1.0]))
    assert torch.equal(feathered(hole, 0), hole.float())


def test_mistakes_with_masks_are_one_sentence(
    small_run: maskwright.Run, scene: tuple[Path, Path, np.ndarray, np.ndarray], tmp_path: Path
) -> None:
    file, mask, _, hole = scene
    empty = tmp_path / "empty"
    empty.mkdir()
    Image.fromarray(hole.astype(np.uint8) * 255).save(empty / "other.png")
    near_all = np.ones(SIDES, bool)
    near_all[0, 0] = False
    tiny = np.zeros(SIDES, bool)
    tiny[0, 0] = True
    for options, fragment in [
        ({"mask": tmp_path / "no.png"}, "There is no mask at"),
        ({"mask": file.with_name("house.png").parent / "empty"}, "has no mask for 'house.png'"),
        ({"mask": np.ones(SIDES)}, "hides everything"),
        ({"mask": np.zeros(SIDES)}, "hides nothing"),
        ({"mask": near_all}, "touches all 16 patches"),
        ({"mask": near_all, "fit": "tile"}, "larger than the model's 16x16 window"),
        ({"mask": tiny, "cover": "all"}, "covers no patch by --cover all"),
        ({"mask": mask, "fit": "resiz"}, "Did you mean 'resize'?"),
        ({"mask": mask, "cover": "most"}, "cover is one of any, half, all"),
        ({"mask": mask, "feather": -1}, "--feather is a number of pixels"),
        ({"mask": mask, "full": True}, "leave out --full"),
        ({"mask": mask, "policy": "random"}, "leave out --policy"),
        ({"mask": mask, "stats": "target"}, "leave out --stats target"),
        ({"fit": "tile"}, "add --mask HOLE.png"),
        ({"mask": np.zeros((2, *SIDES))}, "one for each of 1 pictures"),
    ]:
        with pytest.raises(MaskwrightError) as caught:
            small_run.reconstruct(file, out=tmp_path / "s.png", **options)
        assert fragment in str(caught.value), options
    small = np.zeros((1, 12, 30, 3), np.uint8)
    with pytest.raises(MaskwrightError, match="smaller than the model's 16x16 window"):
        small_run.reconstruct(small, mask=np.eye(12, 30), fit="tile")


def test_full_predicts_every_pixel_and_says_how_often(
    small_run: maskwright.Run, shared_photos: Path, tmp_path: Path
) -> None:
    files = sorted(shared_photos.rglob("*.png"))[:2]
    result = small_run.reconstruct(
        files, full=True, ratio=0.5, errors=True, out=tmp_path / "full.png"
    )
    saved = json.loads((tmp_path / "full.json").read_text())
    assert saved["passes"] >= 4
    assert saved["forced_patches"] == 0
    assert result.deviation[0].shape == (16, 16)
    assert result.deviation[0].max() > 0
    originals = [np.asarray(Image.open(file).convert("RGB")) for file in files]
    assert not any(
        (one == other).all(-1).mean() > 0.5
        for one, other in zip(result.pictures, originals, strict=True)
    )
    names = [f"{file.stem}-{kind}.png" for kind in ("average", "uncertainty") for file in files]
    assert sorted(item.name for item in (tmp_path / "full").iterdir()) == sorted(names)


def test_full_hides_by_force_what_a_policy_never_hides(
    small_run: maskwright.Run, shared_photos: Path, tmp_path: Path
) -> None:
    hole = np.zeros((4, 4), bool)
    hole[:2] = True
    np.save(tmp_path / "top.npy", hole)
    files = sorted(shared_photos.rglob("*.png"))[:1]
    result = small_run.reconstruct(
        files,
        full=True,
        policy=f"given(path='{tmp_path / 'top.npy'}')",
        ratio=0.5,
        out=tmp_path / "f.png",
    )
    assert result.numbers["passes"] == 34
    assert result.numbers["forced_patches"] == 16


def test_full_takes_one_model_and_one_kind_of_mask(
    small_run: maskwright.Run, shared_photos: Path, tmp_path: Path
) -> None:
    with pytest.raises(MaskwrightError, match="one policy at one ratio by one model"):
        small_run.reconstruct(
            shared_photos / "test", full=True, ratio="0.25,0.5", out=tmp_path / "f.png"
        )


def test_errors_add_a_column(
    small_run: maskwright.Run, shared_photos: Path, tmp_path: Path
) -> None:
    files = sorted(shared_photos.rglob("*.png"))[:2]
    plain, wrong = (
        small_run.reconstruct(files, errors=errors, out=tmp_path / "e.png").sheet
        for errors in (False, True)
    )
    assert wrong.shape[1] > plain.shape[1]


def test_numbers_stand_beside_fills_that_learn_nothing(
    small_run: maskwright.Run, shared_photos: Path, tmp_path: Path
) -> None:
    small_run.reconstruct(
        shared_photos / "test", policy="random; block", ratio=0.5, out=tmp_path / "n.png"
    )
    saved = json.loads((tmp_path / "n.json").read_text())
    assert [fills["policy"] for fills in saved["without_learning"]] == ["random", "block"]
    smooth = saved["without_learning"][0]["filled_by"]["smooth"]
    assert smooth["psnr"]["low"] <= smooth["psnr"]["value"] <= smooth["psnr"]["high"]
    assert len(saved["arms"][0]["per_picture"]["high_frequency"]) == len(saved["pictures"]) == 20
    assert "not asked for" in saved["lpips"]
