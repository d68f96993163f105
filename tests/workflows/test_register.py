"""The register of runs: every run below a folder as a row, from the folders alone."""

from __future__ import annotations

import csv
import io
import json
import os
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from rich.cells import cell_len

import maskwright
from maskwright.cli.main import main
from maskwright.support.errors import MaskwrightError
from maskwright.workflows.runs.run_folder import now

CONFIG = """# Repeat this run: maskwright pretrain --recipe config.yaml --out NEW
data:
  data: photos/{name}
  image_size: 96
model:
  model: vit_nano
  patch_size: 8
mask:
  policy: {policy}
  ratio: {ratio}
train:
  seed: 0
run:
  out: runs/{name}
  track:
  - tensorboard
"""
LONG_AGO = "2020-01-01T00:00:00+00:00"


def make_run(
    root: Path, name: str, *, policy: str = "random", ratio: float = 0.75, **status: Any
) -> Path:
    """A run folder without weights."""
    folder = root / name
    (folder / "eval").mkdir(parents=True)
    facts = {"state": "finished", "step": 20, "seconds": 90.0, "heartbeat": now(), **status}
    (folder / "run.json").write_text(json.dumps(facts))
    text = CONFIG.format(name=name, policy=policy, ratio=ratio)
    (folder / "config.yaml").write_text(text, encoding="utf-8")
    rows = [
        {"step": 10, "epoch": 1, "loss": 0.9, "seconds": 40.0},
        {"step": 10, "epoch": 1, "val_loss": 0.95, "knn_top1": 0.4},
        {"step": 20, "epoch": 2, "loss": 0.8 - ratio / 10, "seconds": 80.0},
    ]
    (folder / "metrics.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    return folder


def test_a_run_of_pretraining_is_a_row(small_run: maskwright.Run) -> None:
    register = maskwright.list_runs(small_run.path)
    row = next(row for row in register if row.kind == "pretrain")
    losses = [line["loss"] for line in small_run.metrics if "loss" in line]
    assert (row.run, row.state, row.policy, row.ratio) == ("small", "finished", "random", 0.75)
    assert (row.image_size, row.patch_size, row.model) == (16, 4, "vit_nano")
    assert row.loss == losses[-1]
    assert row.settings == small_run.settings.to_flat()
    # Measured at the end, with an interval.
    gain = small_run.status["psnr"]
    assert (
        row.psnr_gain
        == gain["gain"]["value"]
        == pytest.approx(gain["model"] - gain["smooth"], abs=1e-3)
    )


def test_last_numbers_come_from_rows_of_their_own_and_half_a_line_is_passed_over(
    tmp_path: Path,
) -> None:
    folder = make_run(tmp_path, "a")
    with (folder / "metrics.jsonl").open("a") as file:
        file.write('{"step": 30, "loss": 0.1, "seco')
    (row,) = maskwright.list_runs(tmp_path)
    assert row.loss == pytest.approx(0.725)
    assert (row.val_loss, row.knn, row.step) == (0.95, 0.4, 20)
    assert row.minutes == 1.5


def test_runs_of_other_kinds_have_their_own_result(tmp_path: Path) -> None:
    parent = make_run(tmp_path, "parent")
    tuned = make_run(tmp_path, "tuned", kind="finetune", result={"top1": {"value": 0.71}})
    (tuned / "config.yaml").write_text("finetune:\n  data: photos\n  run: runs/parent\n")
    make_run(parent / "select", "kept", kind="select")
    rows = {row.run: row for row in maskwright.list_runs(tmp_path)}
    assert set(rows) == {"parent", "parent/select/kept", "tuned"}
    assert (rows["tuned"].top1, rows["tuned"].model) == (0.71, "runs/parent")
    assert rows["parent/select/kept"].kind == "select"


def test_k_nn_of_an_evaluation_is_that_of_this_run(tmp_path: Path) -> None:
    folder = make_run(tmp_path, "b")
    results = {
        "a": {"knn": {"top1": {"value": 0.1}}},
        "b": {"knn": {"top1": {"value": 0.6}}},
        "raw pixels": {"knn": {"top1": {"value": 0.2}}},
    }
    report = {"runs": {"a": "runs/a", "b": "elsewhere/b"}, "results": results}
    (folder / "eval" / "photos-knn.json").write_text(json.dumps(report))
    (row,) = maskwright.list_runs(tmp_path)
    assert row.knn_test == 0.6


def test_a_running_run_is_dead_when_its_process_is_gone(tmp_path: Path) -> None:
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    here = socket.gethostname()
    make_run(tmp_path, "alive", state="running", process={"host": here, "pid": os.getpid()})
    make_run(tmp_path, "gone", state="running", process={"host": here, "pid": ended.pid})
    # Of another machine, or of an early version, the time of the last sign alone is known.
    far = {"host": "elsewhere", "pid": ended.pid}
    make_run(tmp_path, "fresh", state="running", process=far)
    make_run(tmp_path, "lost", state="running", process=far, heartbeat=LONG_AGO)
    make_run(tmp_path, "old", state="running", heartbeat=LONG_AGO)
    states = {row.run: row.state for row in maskwright.list_runs(tmp_path)}
    assert states == {
        "alive": "running",
        "gone": "dead",
        "fresh": "running",
        "lost": "silent",
        "old": "silent",
    }


def test_a_training_leaves_the_process_that_can_be_asked(small_run: maskwright.Run) -> None:
    assert small_run.status["process"] == {"host": socket.gethostname(), "pid": os.getpid()}


def test_broken_and_foreign_folders_are_named_and_counted(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    make_run(tmp_path, "good")
    for name, text in (("cut", '{"state": "run'), ("foreign", '{"id": 3}'), ("list", "[]")):
        (tmp_path / name).mkdir()
        (tmp_path / name / "run.json").write_text(text)
    (make_run(tmp_path, "scratched") / "config.yaml").write_text("data: [")
    assert main(["runs", str(tmp_path)]) == 0
    said = capsys.readouterr()
    assert "good" in said.out
    assert "4 folders are left out" in said.err
    for name in (
        "cut (run.json is damaged",
        "foreign (run.json is of another",
        "scratched (config",
    ):
        assert name in said.err


def test_a_run_without_settings_is_still_a_row(tmp_path: Path) -> None:
    (make_run(tmp_path, "early", state="failed") / "config.yaml").unlink()
    (row,) = maskwright.list_runs(tmp_path)
    assert (row.state, row.policy, row.settings) == ("failed", None, {})


@pytest.mark.parametrize(
    ("words", "kept"),
    [
        (["--where", "policy=block"], ["b"]),
        (["--where", "loss<0.735"], ["a", "c"]),
        (["--where", "loss<0.735", "--where", "ratio!=0.9"], ["a"]),
        (["--where", "ratio=0.750"], ["a"]),
        (["--where", "data~PHOTOS/c"], ["c"]),
        (["--where", "state!=finished"], ["b"]),
        (["--where", "total_steps=none"], ["a", "b", "c"]),
        (["--sort", "ratio"], ["b", "a", "c"]),
        (["--sort", "ratio", "--reverse"], ["c", "a", "b"]),
        (["--sort", "top1", "--reverse"], ["b", "a", "c"]),
        (["--limit", "2"], ["a", "b"]),
    ],
)
def test_rows_are_filtered_and_sorted(
    words: list[str], kept: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    make_run(tmp_path, "a")
    make_run(
        tmp_path, "b", policy="block", ratio=0.5, state="stopped", result={"top1": {"value": 1}}
    )
    make_run(tmp_path, "c", ratio=0.9)
    assert main(["runs", str(tmp_path), "--format", "csv", *words]) == 0
    rows = list(csv.DictReader(io.StringIO(capsys.readouterr().out)))
    assert [row["run"] for row in rows] == kept


def test_only_settings_that_differ_are_shown(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    make_run(tmp_path, "a")
    (make_run(tmp_path, "b", ratio=0.5) / "config.yaml").write_text(
        CONFIG.format(name="a", policy="random", ratio=0.5)
    )
    assert main(["runs", str(tmp_path), "--diff"]) == 0
    head, _, first, second, *_ = capsys.readouterr().out.splitlines()
    assert head.split() == ["run", "ratio"]
    assert (first.split(), second.split()) == (["a", "0.75"], ["b", "0.5"])


def test_json_holds_every_setting_and_no_number_that_is_none(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = make_run(tmp_path, "a", ratio=0.5)
    with (folder / "metrics.jsonl").open("a") as file:
        file.write('{"step": 30, "loss": NaN, "seconds": 81.0}\n')
    assert main(["runs", str(tmp_path), "--format", "json"]) == 0
    (row,) = json.loads(capsys.readouterr().out)
    assert row["loss"] is None
    assert row["settings"]["track"] == ["tensorboard"]
    assert row["settings"]["ratio"] == 0.5


def test_wide_letters_do_not_shift_columns(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    make_run(tmp_path, "写真-アニメ顔")
    make_run(tmp_path, "photos")
    assert main(["runs", str(tmp_path)]) == 0
    head, rule, *rows = capsys.readouterr().out.splitlines()[:4]
    at = cell_len(head.split("state")[0])
    assert [cell_len(row.split("finished")[0]) for row in rows] == [at, at]
    assert cell_len(rule) == cell_len(rows[0])


@pytest.mark.parametrize(
    ("words", "fragment"),
    [
        (["--where", "los<1"], "Did you mean 'loss'?"),
        (["--where", "policy"], "such as 'loss<0.9'; got 'policy'"),
        (["--where", "policy<random"], "'random', which is no number"),
        (["--sort", "rato"], "Did you mean 'ratio'?"),
        (["--format", "xml"], "table or csv or json"),
        (["--limit", "0"], "limit is at least 1"),
    ],
)
def test_a_mistake_is_a_sentence(
    words: list[str], fragment: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    make_run(tmp_path, "a")
    assert main(["runs", str(tmp_path), *words]) == 2
    assert fragment in capsys.readouterr().err


def test_a_folder_without_runs_is_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(MaskwrightError, match="There is no run below"):
        maskwright.list_runs(tmp_path)
    with pytest.raises(MaskwrightError, match="There is no folder"):
        maskwright.list_runs(tmp_path / "none")


def test_the_register_needs_no_torch(tmp_path: Path) -> None:
    make_run(tmp_path, "a")
    program = (
        "import sys; from maskwright.cli.main import main;"
        f" code = main(['runs', {str(tmp_path)!r}]); sys.exit(code or 'torch' in sys.modules)"
    )
    asked = subprocess.run([sys.executable, "-c", program], check=False, stdout=subprocess.DEVNULL)
    assert asked.returncode == 0
