"""Two processes on one machine train as one: the same masks for each sample, and the same weights
up to rounding.
"""

from __future__ import annotations

import json
import os
import sys
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest
import torch

import maskwright
from tests.conftest import draw_pictures
from tests.warm_start import run_ranks, warm_command

CLUSTER = Path(__file__).parents[2] / "bench" / "cluster"


# For each policy a run by steps and one by minutes; then by steps alone, where each picture has a
# ratio of its own: processes see other numbers of patches, and of components.
CELLS = {
    "one ratio for a batch": [
        *("--policies", "0.5*block(size=2) + 0.5*hard(mix=0)", "adversarial"),
        *("--set", "sample=loss", "optimizer=muon", "loss=mse + 0.1*uniformity"),
    ],
    "ratio by picture": [
        *("--policies", "random", "components(count=8)", "--lengths", "steps"),
        *("--set", "ratio=uniform(0.5, 0.9, per=picture)"),
    ],
}


@pytest.mark.slow
@pytest.mark.parametrize("cells", CELLS)
def test_two_processes_are_one(tmp_path: Path, cells: str) -> None:
    """The same masks for each sample and the same weights up to rounding as one process; the same
    bits in both processes, and after a stop inside an epoch that the second one asked for.
    """
    words = [*CELLS[cells], "--accumulate", "3", "--averages", "0.9", "--place", str(tmp_path)]
    np.save(tmp_path / "pictures.npy", draw_pictures(48))
    run_ranks(2, train_cells, words, folder=tmp_path, variables=environment(tmp_path))
    rows = json.loads((tmp_path / "rows.json").read_text())
    assert len(rows) == (2 if "--lengths" in words else 4)
    for row in rows:
        assert row["ranks_equal"], row
        assert row["resumed_equal"], row
        assert row["counts_equal"], row
    by_steps = [row for row in rows if row["same_masks"] is not None]
    assert [row["same_masks"] for row in by_steps] == [1.0, 1.0]
    # Rounding alone: a loss that compares pictures of one process only was off by 1.6e-3.
    assert max(row["off_alone"] for row in by_steps) < 5e-4


def train_cells(words: list[str]) -> int:
    """What a process that `bench/cluster/matrix.py` starts does."""
    sys.path.insert(0, str(CLUSTER))
    code: int = import_module("matrix").main(words)
    return code


def environment(folder: Path) -> dict[str, str]:
    return {
        **os.environ,
        "PYTHONPATH": str(Path(maskwright.__file__).parents[1]),
        "MASKWRIGHT_CACHE": str(folder / "cache"),
        "OMP_NUM_THREADS": "1",
    }


@pytest.mark.slow
def test_devices_are_enough_to_train_in_several_processes_and_to_go_on(tmp_path: Path) -> None:
    """The command starts the other process itself; stopped inside an epoch and resumed, two
    processes come to the weights of two that were not stopped.
    """
    np.save(tmp_path / "pictures.npy", draw_pictures(40))
    words = [
        *("pictures.npy", "--steps", "6", "--batch-size", "4", "--devices", "2", "--model"),
        *("vit_nano", "--width", "24", "--depth", "1", "--heads", "2", "--decoder-width", "16"),
        *("--decoder-depth", "1", "--decoder-heads", "2", "--device", "cpu", "--track", "none"),
        *("--precision", "32-true", "--image-size", "16", "--patch-size", "4", "--val", "0.2"),
        *("--policy", "hard(mix=0)", "--ema", "0.9"),
    ]
    run_command(tmp_path, [*words, "--out", "whole"])
    # A stop after the third step, asked for by the second process alone.
    stopper = {"MASKWRIGHT_TEST_STOP": "3"}
    (tmp_path / "sitecustomize.py").write_text(STOPPING)
    assert run_command(tmp_path, [*words, "--out", "part"], stopper) == 130
    assert maskwright.open_run(tmp_path / "part").status["state"] == "stopped"
    run_command(tmp_path, ["--resume", "--out", "part"])
    ends = [torch.load(tmp_path / name / "checkpoints" / "last.ckpt") for name in ("whole", "part")]
    for part in ("state_dict", "current_model_state"):
        for name, value in ends[0][part].items():
            assert torch.equal(torch.as_tensor(value), torch.as_tensor(ends[1][part][name])), name
    counts = [maskwright.open_run(tmp_path / name).status["images"] for name in ("whole", "part")]
    assert counts == [48, 48]


STOPPING = """
import os, sys
if os.environ.get("MASKWRIGHT_TEST_STOP") and os.environ.get("RANK") == "1":
    from maskwright.training import checkpoints
    heard = checkpoints.Checkpoints.on_train_batch_end

    def stopping(self, trainer, module):
        self.wants_stop = lambda: trainer.global_step >= int(os.environ["MASKWRIGHT_TEST_STOP"])
        heard(self, trainer, module)

    checkpoints.Checkpoints.on_train_batch_end = stopping
"""


def run_command(folder: Path, words: list[str], more: dict[str, str] | None = None) -> int:
    """`maskwright pretrain ...` with a path on which Python looks for sitecustomize."""
    env = environment(folder)
    env |= {"PYTHONPATH": os.pathsep.join([str(folder), env["PYTHONPATH"]]), **(more or {})}
    # The other process is started by this one, as always.
    with warm_command(folder, "pretrain", *words, variables=env) as running:
        code = running.wait()
        assert code in (0, 130), running.said()[-3000:]
    return code
