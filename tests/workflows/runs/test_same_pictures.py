"""An interrupted run goes on with the same pictures wherever and whenever they were written, and
with no others.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tests.workflows.conftest import SMALL

import maskwright
from maskwright.data.store.packed import PackedStore
from maskwright.support.errors import MaskwrightError
from maskwright.support.files import read_json, write_json
from maskwright.training.checkpoints import Checkpoints

TINY: dict[str, Any] = {**SMALL, "val": "0.2", "epochs": 2}


@contextmanager
def _stopping() -> Iterator[None]:
    """Stop trainings after their first step, as Ctrl-C does."""
    original = Checkpoints.on_train_batch_end

    def stopping(self: Checkpoints, trainer: Any, *rest: Any) -> None:
        self.wants_stop = lambda: True
        original(self, trainer, *rest)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Checkpoints, "on_train_batch_end", stopping)
        yield


def _interrupted(data: Any, out: Path, **more: Any) -> Path:
    with _stopping():
        run = maskwright.pretrain(data, out=out, **{**TINY, **more})
    assert run.status["state"] == "stopped"
    return out


def test_a_run_goes_on_after_other_dates_and_a_move(photos: Path, tmp_path: Path) -> None:
    run = _interrupted(photos, tmp_path / "run")
    for path in photos.rglob("*.png"):
        os.utime(path, (0, 0))
    photos.rename(tmp_path / "moved")
    with pytest.raises(
        MaskwrightError, match=r"no file or folder .*name its place: .* DATA --resume"
    ):
        maskwright.pretrain(resume=True, out=run)
    done = maskwright.pretrain(tmp_path / "moved", resume=True, out=run)
    assert done.status["state"] == "finished"
    assert str(tmp_path / "moved") in (run / "config.yaml").read_text()


def test_a_run_never_goes_on_with_other_pictures_of_the_same_names(
    photos: Path, tmp_path: Path
) -> None:
    run = _interrupted(photos, tmp_path / "run")
    other = shutil.copytree(photos, tmp_path / "other")
    (other / "even" / "000.png").write_bytes((other / "odd" / "001.png").read_bytes())
    with pytest.raises(MaskwrightError, match=r"pictures in '.*other' have changed since"):
        maskwright.pretrain(other, resume=True, out=run)


def test_other_data_held_out_is_refused_on_resume(photos: Path, tmp_path: Path) -> None:
    val = shutil.copytree(photos, tmp_path / "val")
    run = _interrupted(photos, tmp_path / "run", val=str(val))
    (val / "even" / "000.png").unlink()
    with pytest.raises(MaskwrightError, match="other pictures to train on or to hold out"):
        maskwright.pretrain(resume=True, out=run)


def test_other_pictures_trained_on_are_refused_on_resume(
    photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = _interrupted(photos, tmp_path / "run", policy="hard")
    subset = PackedStore.subset
    monkeypatch.setattr(PackedStore, "subset", lambda store, ids: subset(store, ids.flip(0)))
    with pytest.raises(MaskwrightError, match="other pictures to train on or to hold out"):
        maskwright.pretrain(resume=True, out=run)


def test_a_run_of_a_version_that_knew_pictures_otherwise_is_not_accused(
    photos: Path, tmp_path: Path
) -> None:
    run = _interrupted(photos, tmp_path / "run")
    status = {
        key: one for key, one in read_json(run / "run.json").items() if key != "data_identity"
    }
    write_json(run / "run.json", {**status, "data_fingerprint": "0" * 16})
    with pytest.raises(MaskwrightError, match="begun by another version of maskwright"):
        maskwright.pretrain(resume=True, out=run)


class _Noise(torch.utils.data.Dataset[Any]):
    """Pictures that come out otherwise each time, as under random transforms."""

    def __len__(self) -> int:
        return 40

    def __getitem__(self, index: int) -> np.ndarray:
        return np.random.default_rng().integers(0, 256, (16, 16, 3), dtype=np.uint8)


def test_a_dataset_drawn_by_chance_resumes_under_a_key_alone(tmp_path: Path) -> None:
    noise = _Noise()
    run = _interrupted(noise, tmp_path / "run")
    with pytest.raises(MaskwrightError, match=r"other pictures each time .*fingerprint = 'NAME'"):
        maskwright.pretrain(noise, resume=True, out=run)
    noise.fingerprint = "noise 1"
    run = _interrupted(noise, tmp_path / "keyed")
    assert maskwright.pretrain(noise, resume=True, out=run).status["state"] == "finished"


def test_a_fine_tuning_goes_on_after_a_move_and_not_with_another_test_part(
    small_run: maskwright.Run, shared_photos: Path, tmp_path: Path
) -> None:
    data = shutil.copytree(shared_photos, tmp_path / "data")
    options = {"epochs": 2, "batch_size": 8, "device": "cpu", "precision": "32-true"}
    with _stopping():
        maskwright.finetune(small_run.path, data, out=tmp_path / "tuned", **options)
    changed = shutil.copytree(data, tmp_path / "changed")
    next(changed.glob("test/dark/*.png")).unlink()
    with pytest.raises(MaskwrightError, match="have changed since"):
        maskwright.finetune(data=changed, out=tmp_path / "tuned", resume=True)
    data.rename(tmp_path / "moved")
    done = maskwright.finetune(data=tmp_path / "moved", out=tmp_path / "tuned", resume=True)
    assert done.report["correct"] is not None
