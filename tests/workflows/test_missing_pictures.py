"""Pictures that cannot be had in the middle of a training: a sentence, and nothing that was trained
is lost, whoever reads them.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

import maskwright
from maskwright.data.loader import ResumableLoader
from maskwright.data.streamed import LivePictures
from maskwright.support.errors import MaskwrightError
from tests.workflows.conftest import SMALL

# Five batches an epoch. A run that cannot read pictures while it measures between epochs goes on
# from its last checkpoint; here nothing is measured, and pictures are missing inside an epoch.
TINY: dict[str, Any] = {
    **SMALL,
    "val": "0",
    "stream": True,
    "epochs": 3,
    "checkup": False,
    "knn_every": 0,
    "sample_every": 100,
}
GONE = "Could not fetch 's3://bucket/a.tar' in 3 tries: no answer."


def weights(folder: Path) -> dict[str, Tensor]:
    state: dict[str, Tensor] = torch.load(folder / "checkpoints/last.ckpt", weights_only=True)
    return state["state_dict"]  # type: ignore[return-value]


def break_after(patch: pytest.MonkeyPatch, rows: Path, step: int) -> None:
    """Let no picture be read once a row of that step has been written, by any process."""
    original = LivePictures.image

    def image(self: LivePictures, index: int, size: tuple[int, int]) -> Tensor:
        lines = rows.read_text().splitlines() if rows.exists() else []
        if any(json.loads(line).get("step", 0) >= step for line in lines):
            raise MaskwrightError(GONE)
        return original(self, index, size)

    patch.setattr(LivePictures, "image", image)


@pytest.mark.parametrize(("workers", "step"), [(0, 6), (0, 9), (2, 6)])
def test_a_run_goes_on_from_the_last_step_before_pictures_were_missing(
    photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, workers: int, step: int
) -> None:
    options = {**TINY, "workers": workers}
    whole = maskwright.pretrain(photos, out=tmp_path / "whole", **options)
    part = tmp_path / "part"
    with monkeypatch.context() as patch:
        break_after(patch, part / "metrics.jsonl", step)
        # The sentence alone, without a worker's traceback.
        with pytest.raises(MaskwrightError) as raised:
            maskwright.pretrain(photos, out=part, **options)
    assert str(raised.value) == GONE
    status = json.loads((part / "run.json").read_text())
    assert status["state"] == "failed"
    position = torch.load(part / "checkpoints/last.ckpt", weights_only=True)["place"]
    # Workers are some batches ahead.
    assert position["step"] >= step
    resumed = maskwright.pretrain(resume=True, out=part)
    assert resumed.status["state"] == "finished"
    ours, theirs = weights(part), weights(whole.path)
    assert all(torch.equal(ours[name], theirs[name]) for name in theirs)


def test_nothing_is_written_before_the_first_step(
    photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_batch(self: ResumableLoader) -> Iterator[Any]:
        raise MaskwrightError(GONE)
        yield

    out = tmp_path / "run"
    with monkeypatch.context() as patch:
        patch.setattr(ResumableLoader, "__iter__", no_batch)
        with pytest.raises(MaskwrightError, match="Could not fetch"):
            maskwright.pretrain(photos, out=out, **TINY)
    assert not (out / "checkpoints/last.ckpt").exists()
