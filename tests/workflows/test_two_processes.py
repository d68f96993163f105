"""Two processes on one machine train as one: the same masks for each sample, and the same weights
up to rounding.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

import maskwright
from maskwright.training.launch import free_port
from tests.conftest import draw_pictures

PROGRAM = """
import sys, torch
from pathlib import Path
torch.set_num_threads(1)
import maskwright
from maskwright.support.variables import process_rank
from maskwright.training.masker import Masker

data, out, seen = sys.argv[1], sys.argv[2], Path(sys.argv[5])
devices, batch = int(sys.argv[3]), int(sys.argv[4])
draw = Masker.draw
rows = []

def recording(self, scene):
    mask = draw(self, scene)
    for sample, masked in zip(scene.sample_ids, mask.masked_ids.tolist()):
        rows.append((round(scene.progress, 6), int(sample), tuple(masked)))
    return mask

Masker.draw = recording
maskwright.pretrain(
    data, out=out, epochs=2, batch_size=batch, lr=1e-3, clip=0, warmup=0,
    devices=devices, strategy="ddp" if devices > 1 else "auto",
    image_size=16, patch_size=4, model="vit_nano", width=24, depth=1, heads=2,
    decoder_width=16, decoder_depth=1, decoder_heads=2,
    device="cpu", precision="32-true", val="0.2", track=["none"],
    policy="0.5*block(size=2) + 0.5*hard(mix=0)", ratio="0.5->0.75", optimizer=sys.argv[6],
    sample="loss",
)
torch.save(rows, seen / f"{devices}-{process_rank()[0]}.part")
(seen / f"{devices}-{process_rank()[0]}.part").rename(seen / f"{devices}-{process_rank()[0]}.pt")
"""


@pytest.mark.slow
@pytest.mark.parametrize("optimizer", ["adamw", "muon"])
def test_two_processes_draw_the_masks_and_reach_the_weights_of_one(
    tmp_path: Path, optimizer: str
) -> None:
    np.save(tmp_path / "pictures.npy", draw_pictures(40))
    (tmp_path / "train.py").write_text(PROGRAM)
    for devices, batch in ((1, 16), (2, 8)):
        train(tmp_path, devices, batch, optimizer)
    alone = torch.load(tmp_path / "1-0.pt")
    together = torch.load(tmp_path / "2-0.pt") + torch.load(tmp_path / "2-1.pt")
    for devices in (1, 2):
        status = maskwright.open_run(tmp_path / f"run{devices}").status
        assert (status["state"], status["step"]) == ("finished", 4)
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
    counted = [
        json.loads((tmp_path / f"run{devices}" / "run.json").read_text()) for devices in (1, 2)
    ]
    names = ("images", "encoder_tokens", "decoder_tokens", "model_flops", "training_flops")
    assert {name: counted[0][name] for name in names} == {name: counted[1][name] for name in names}
    for devices, status in zip((1, 2), counted, strict=True):
        lines = (tmp_path / f"run{devices}" / "metrics.jsonl").read_text().splitlines()
        last = [row for row in map(json.loads, lines) if "loss" in row][-1]
        assert [last[name] for name in names[:4]] == [status[name] for name in names[:4]]


def train(folder: Path, devices: int, batch: int, optimizer: str) -> None:
    """Run the program in as many processes, as a launcher starts them, and see that each came to
    its last line, where it puts down what it has seen.
    """
    words = [
        str(folder / "pictures.npy"),
        str(folder / f"run{devices}"),
        str(devices),
        str(batch),
        str(folder),
        optimizer,
    ]
    program = [sys.executable, str(folder / "train.py"), *words]
    environments = [environment(folder)]
    if devices > 1:
        environments = [launched(folder, rank, devices) for rank in range(devices)]
    processes = []
    for rank, env in enumerate(environments):
        # What they print goes to files: a pipe that nobody reads would stop them.
        with (folder / f"{devices}-{rank}.log").open("w") as log:
            processes.append(
                subprocess.Popen(program, env=env, cwd=folder, stdout=log, stderr=subprocess.STDOUT)
            )
    codes = [process.wait(240) for process in processes]
    reached = {path.name for path in folder.glob(f"{devices}-*.pt")}
    wanted = {f"{devices}-{rank}.pt" for rank in range(devices)}
    texts = [(folder / f"{devices}-{rank}.log").read_text()[-3000:] for rank in range(devices)]
    assert reached == wanted, f"exit codes {codes}\n" + "\n".join(texts)


def environment(folder: Path) -> dict[str, str]:
    return {
        **os.environ,
        "PYTHONPATH": str(Path(maskwright.__file__).parents[1]),
        "MASKWRIGHT_CACHE": str(folder / "cache"),
        "OMP_NUM_THREADS": "1",
    }


def launched(folder: Path, rank: int, count: int) -> dict[str, str]:
    """What torchrun says to the processes that it starts."""
    port = folder / "port"
    if not port.exists():
        port.write_text(str(free_port()))
    return {
        **environment(folder),
        "RANK": str(rank),
        "LOCAL_RANK": str(rank),
        "WORLD_SIZE": str(count),
        "MASTER_ADDR": "127.0.0.1",
        "MASTER_PORT": port.read_text(),
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
    done = subprocess.run(
        [sys.executable, "-m", "maskwright", "pretrain", *words],
        env=env,
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert done.returncode in (0, 130), done.stderr[-3000:]
    return done.returncode
