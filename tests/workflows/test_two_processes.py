"""Two processes on one machine train as one: the same masks for each sample, and the same weights up to rounding."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
import pytest
import torch

import maskwright
from maskwright.support.variables import process_rank
from maskwright.training.masker import Masker
from tests.conftest import draw_pictures
from tests.workflows.conftest import SMALL

PROGRAM = """
import sys, torch
from pathlib import Path
from tests.workflows.test_two_processes import train_and_record
torch.set_num_threads(1)
train_and_record(Path(sys.argv[1]), devices=2, batch=8)
"""


@pytest.mark.slow
def test_two_processes_draw_the_masks_and_reach_the_weights_of_one(tmp_path: Path) -> None:
    np.save(tmp_path / "pictures.npy", draw_pictures(40))
    train_and_record(tmp_path, devices=1, batch=16)
    train_in_two_processes(tmp_path)
    for devices in (1, 2):
        status = maskwright.open_run(tmp_path / f"run{devices}").status
        assert (status["state"], status["step"]) == ("finished", 4)
    alone = torch.load(tmp_path / "1-0.pt")
    together = torch.load(tmp_path / "2-0.pt") + torch.load(tmp_path / "2-1.pt")
    assert len(alone) == len(together) == 2 * 32
    assert set(alone) == set(together)
    left, right = (
        torch.load(tmp_path / f"run{devices}" / "checkpoints" / "last.ckpt")["state_dict"]
        for devices in (1, 2)
    )
    weights = [
        name
        for name in left
        if isinstance(left[name], torch.Tensor) and left[name].dtype == torch.float32
    ]
    assert max(float((left[name] - right[name]).abs().max()) for name in weights) < 1e-4
    remembered = left["masker.learners.0.memory"], right["masker.learners.0.memory"]
    assert (
        float((remembered[0].float() - remembered[1].float()).abs().max()) < 4e-3
    )  # half precision
    assert (remembered[0] != -1).any()


def train_and_record(folder: Path, devices: int, batch: int) -> None:
    """Train, and put down for each sample at each moment which patches this process has masked, as its last act."""
    draw, rows = Masker.draw, []

    def recording(self: Masker, scene: Any) -> Any:
        mask = draw(self, scene)
        masked = map(tuple, mask.masked_ids.tolist())
        moment = round(scene.progress, 6)
        rows.extend((moment, *one) for one in zip(scene.sample_ids.tolist(), masked, strict=True))
        return mask

    options = {
        "epochs": 2,
        "lr": 1e-3,
        "clip": 0,
        "warmup": 0,
        "val": "0.2",
        "policy": "0.5*block(size=2) + 0.5*hard(mix=0)",
        "ratio": "0.5->0.75",
        "devices": devices,
        "strategy": "ddp" if devices > 1 else "auto",
    }
    with patch.object(Masker, "draw", recording):
        maskwright.pretrain(
            str(folder / "pictures.npy"),
            out=folder / f"run{devices}",
            **{**SMALL, **options, "batch_size": batch},
        )
    written = folder / f"{devices}-{process_rank()[0]}"
    torch.save(rows, written.with_suffix(".part"))
    written.with_suffix(".part").rename(written.with_suffix(".pt"))


def train_in_two_processes(folder: Path) -> None:
    """Run the program and see that both processes came to its last line, where they put down what they have seen.

    Not the exit code decides: after that line only the interpreter's own end is left, in which gloo's threads now and then abort
    ("terminate called without an active exception") although the run is written, closed and whole, as the caller checks.
    """
    (folder / "train.py").write_text(PROGRAM)
    root = Path(__file__).parents[2]
    environment = {
        **os.environ,
        "PYTHONPATH": f"{root / 'src'}{os.pathsep}{root}",
        "MASKWRIGHT_CACHE": str(folder / "cache"),
    }
    done = subprocess.run(
        [sys.executable, str(folder / "train.py"), str(folder)],
        env=environment,
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    reached = {path.name for path in folder.glob("2-*.pt")}
    told = f"exit code {done.returncode}\n{done.stderr[-3000:]}"
    assert reached == {"2-0.pt", "2-1.pt"}, told
