"""A run that is asked to stop, or killed outright, goes on where it was and ends with the same
weights.
"""

from __future__ import annotations

import json
import os
import signal
import time
from pathlib import Path

import numpy as np
import pytest
import torch

from maskwright.cli.main import main
from tests.conftest import draw_pictures
from tests.warm_start import WarmProcess, warm_command

OPTIONS = {
    "--image-size": "16",
    "--patch-size": "4",
    "--model": "vit_nano",
    "--batch-size": "8",
    "--device": "cpu",
    "--precision": "32-true",
    "--val": "0.2",
    "--track": "none",
    "--sample-every": "1000",
    "--save-minutes": "0.0001",
}
WORDS = [word for pair in OPTIONS.items() for word in pair]


def start(folder: Path, *words: str) -> WarmProcess:
    variables = {**os.environ, "MASKWRIGHT_CACHE": str(folder / "cache"), "OMP_NUM_THREADS": "1"}
    return warm_command(folder, "pretrain", *words, variables=variables)


def wait_for_rows(run: Path, count: int) -> None:
    for _ in range(1200):
        metrics = run / "metrics.jsonl"
        if (
            metrics.exists()
            and len(metrics.read_text().splitlines()) >= count
            and (run / "checkpoints" / "last.ckpt").exists()
        ):
            return
        time.sleep(0.05)
    raise AssertionError("the run wrote nothing")


def final_weights(run: Path) -> dict[str, torch.Tensor]:
    return torch.load(run / "checkpoints" / "last.ckpt", weights_only=True)["state_dict"]


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the pictures and a run of them that nothing disturbed."""
    folder = tmp_path_factory.mktemp("signals")
    np.save(folder / "pictures.npy", draw_pictures(40))
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setenv("MASKWRIGHT_CACHE", str(folder / "cache"))
        words = ["pretrain", "pictures.npy", "--out", "whole", "--epochs", "10", *WORDS]
        assert main(words) == 0
    return folder


@pytest.mark.slow
@pytest.mark.parametrize(
    ("number", "code", "state"), [(signal.SIGTERM, 130, "stopped"), (signal.SIGKILL, -9, "running")]
)
def test_a_stopped_or_killed_run_resumes_to_the_same_weights(
    whole: Path, monkeypatch: pytest.MonkeyPatch, number: int, code: int, state: str
) -> None:
    """The run that gets the signal has a process of its own; another one, the test's, goes on with
    it.
    """
    out = f"part-{state}"
    with start(whole, "pictures.npy", "--out", out, "--epochs", "10", *WORDS) as part:
        wait_for_rows(whole / out, 10)
        part.send_signal(number)
        assert part.wait() == code, part.said()
    kept = json.loads((whole / out / "run.json").read_text())
    assert kept["state"] == state
    assert kept["step"] < 10 * 4
    monkeypatch.chdir(whole)
    # A process that is killed while it writes leaves a part of a checkpoint.
    unfinished = whole / out / "checkpoints" / ".last.ckpt.0123456789ab.part"
    unfinished.write_bytes(b"half")
    assert main(["pretrain", "--resume", "--out", out]) == 0
    assert not unfinished.exists()
    left, right = final_weights(whole / "whole"), final_weights(whole / out)
    assert left.keys() == right.keys()
    assert all(torch.equal(left[name], right[name]) for name in left)
