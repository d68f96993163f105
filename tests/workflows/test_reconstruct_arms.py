"""Reconstructions side by side: runs, policies, ratios and epochs, under identical masks, on
pictures and on prepared stores.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import maskwright
from maskwright.support.errors import MaskwrightError
from tests.workflows.conftest import SMALL
from tests.workflows.test_informed_policies import store_of_halves


@pytest.fixture(scope="module")
def kept_run(shared_photos: Path, tmp_path_factory: pytest.TempPathFactory) -> maskwright.Run:
    out = tmp_path_factory.mktemp("runs") / "kept"
    return maskwright.pretrain(
        shared_photos,
        out=out,
        split="train",
        epochs=3,
        keep=[1, 2],
        policy="block(size=2)",
        **SMALL,
    )


@pytest.fixture(scope="module")
def finer_run(shared_photos: Path, tmp_path_factory: pytest.TempPathFactory) -> maskwright.Run:
    out = tmp_path_factory.mktemp("runs") / "finer"
    return maskwright.pretrain(
        shared_photos, out=out, split="train", steps=1, **{**SMALL, "patch_size": 2}
    )


@pytest.fixture
def files(shared_photos: Path) -> list[Path]:
    return sorted(shared_photos.rglob("*.png"))[:3]


def test_runs_before_the_pictures_stand_side_by_side_under_the_same_masks(
    small_run: maskwright.Run, kept_run: maskwright.Run, files: list[Path], tmp_path: Path
) -> None:
    result = maskwright.reconstruct(
        small_run.path, [kept_run.path, *files], out=tmp_path / "ab.png"
    )
    assert [arm.label for arm in result.arms] == ["small", "kept"]
    assert torch.equal(result.arms[0].mask.masked_ids, result.arms[1].mask.masked_ids)
    assert not torch.equal(result.arms[0].result.psnr, result.arms[1].result.psnr)
    saved = json.loads((tmp_path / "ab.json").read_text())
    change = result.arms[1].result.psnr - result.arms[0].result.psnr
    assert saved["arms"][1]["psnr_minus_first"]["value"] == pytest.approx(
        float(change.mean()), abs=1e-4
    )
    # Every number is paired, picture by picture, and losses are sorted from best to worst.
    paired = saved["arms"][1]["minus_first"]
    assert {"psnr", "ssim", "high_frequency", "loss"} <= paired.keys()
    losses = result.arms[1].result.loss
    assert paired["loss"]["value"] == pytest.approx(
        float((losses - result.arms[0].result.loss).mean()), abs=1e-5
    )
    over_pictures = saved["arms"][1]["loss_over_pictures"]
    assert over_pictures["best_to_worst"] == losses.argsort().tolist()
    assert over_pictures["worst"] == pytest.approx(float(losses.max()))
    assert saved["arms"][0]["per_picture"]["psnr"] == pytest.approx(
        result.arms[0].result.psnr.tolist()
    )


def test_the_numbers_of_an_arm_are_those_of_the_run_alone(
    small_run: maskwright.Run, kept_run: maskwright.Run, files: list[Path]
) -> None:
    both = maskwright.reconstruct(
        [small_run.path, kept_run.path],
        files,
        policy="random",
        ratio=0.5,
        out=small_run.path.parent / "two.png",
    )
    alone = kept_run.reconstruct(
        files, policy="random", ratio=0.5, out=small_run.path.parent / "one.png"
    )
    assert torch.equal(both.arms[1].result.psnr, alone.result.psnr)


def test_ratios_and_policies_cross_at_the_same_count(
    small_run: maskwright.Run, files: list[Path], tmp_path: Path
) -> None:
    result = small_run.reconstruct(
        files, policy="random; block(size=2); guided", ratio="0.25,0.5", out=tmp_path / "x.png"
    )
    assert [(arm.policy, arm.mask.num_masked) for arm in result.arms] == [
        (policy, count) for count in (4, 8) for policy in ("random", "block(size=2)", "guided")
    ]
    assert np.array_equal(np.asarray(Image.open(tmp_path / "x.png")), result.sheet)


def test_policy_all_takes_every_usable_policy_and_lists_the_others(
    small_run: maskwright.Run, files: list[Path], tmp_path: Path
) -> None:
    told: list[str] = []

    class Listener:
        def say(self, text: str) -> None: ...
        def warn(self, text: str) -> None:
            told.append(text)

        def progress(self, label: str, done: float, total: float, detail: str) -> None: ...
        def finish(self) -> None: ...

    result = small_run.reconstruct(
        files[:1], policy="all", ratio=0.5, out=tmp_path / "all.png", reporter=Listener()
    )
    names = {arm.policy for arm in result.arms}
    assert {"random", "block", "guided", "rectangles"} <= names
    assert "foreground" not in names
    assert {"adversarial", "adaptive"} <= set(result.numbers["untaught_policies"])
    assert "random" not in result.numbers["untaught_policies"]
    assert any(text.startswith("foreground left out") for text in told)


def test_epochs_go_through_the_kept_checkpoints(
    kept_run: maskwright.Run, files: list[Path], tmp_path: Path
) -> None:
    result = kept_run.reconstruct(files, epochs="all", out=tmp_path / "line.png")
    assert [arm.label for arm in result.arms] == ["epoch 1", "epoch 2", "last"]
    assert torch.equal(result.arms[0].mask.masked_ids, result.arms[2].mask.masked_ids)
    assert [
        arm.label
        for arm in kept_run.reconstruct(files, epochs="2,1", out=tmp_path / "two.png").arms
    ] == ["epoch 2", "epoch 1"]


def test_a_prepared_store_brings_the_maps_that_policies_need(
    small_run: maskwright.Run, tmp_path: Path
) -> None:
    store = store_of_halves(tmp_path)
    result = small_run.reconstruct(
        store.folder, policy="guided(source='prior')", ratio=0.5, out=tmp_path / "s.png"
    )
    assert result.mask.is_masked.reshape(-1, 4, 4)[:, :, :2].all()
    (store.folder / "priors" / "foreground.json").unlink()
    with pytest.raises(MaskwrightError, match="no map 'foreground'"):
        small_run.reconstruct(store.folder, policy="foreground", ratio=0.5, out=tmp_path / "s.png")


def test_unreadable_pictures_are_skipped_and_listed(
    small_run: maskwright.Run, files: list[Path], tmp_path: Path
) -> None:
    (tmp_path / "broken.png").write_bytes(b"not a picture")
    result = small_run.reconstruct([tmp_path / "broken.png", files[0]], out=tmp_path / "s.png")
    assert result.names == (files[0].name,)
    assert json.loads((tmp_path / "s.json").read_text())["skipped"] == [
        "broken.png (the content is not a picture in a known format)"
    ]
    with pytest.raises(MaskwrightError, match=r"broken\.png"):
        small_run.reconstruct([tmp_path / "broken.png"], out=tmp_path / "s.png")


def test_one_mistake_one_sentence(
    small_run: maskwright.Run,
    kept_run: maskwright.Run,
    finer_run: maskwright.Run,
    files: list[Path],
    tmp_path: Path,
) -> None:
    for options, fragment in [
        ({"images": [finer_run.path, *files]}, "need the same patches; 'finer' has a 8x8 grid"),
        ({"images": [kept_run.path]}, "after the runs name pictures"),
        ({"images": [tmp_path / "no.png"]}, "There is no file or folder"),
        ({"images": files, "epochs": "all"}, "kept no checkpoints but its last"),
        ({"images": files, "epochs": "7"}, "kept no checkpoint of epoch 7"),
        ({"images": files, "epochs": "late"}, "--epochs is all, or numbers"),
        ({"images": files, "policy": " ; "}, "--policy is empty"),
        ({"images": files, "ratio": "0.5,0.99"}, "leaves no visible patch"),
    ]:
        with pytest.raises(MaskwrightError) as caught:
            maskwright.reconstruct(small_run.path, out=tmp_path / "s.png", **options)
        assert fragment in str(caught.value)
    with pytest.raises(MaskwrightError, match="There is no run or checkpoint"):
        maskwright.reconstruct(tmp_path / "none", files)
