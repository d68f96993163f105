"""The doctor on a real, small run: what it says, writes and returns, and what it refuses."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import torch
from PIL import Image

import maskwright
from maskwright.cli.main import main
from maskwright.support.errors import MaskwrightError
from maskwright.workflows.health.checkup import Checkup
from tests.conftest import draw_pictures
from tests.workflows.conftest import SMALL


@pytest.fixture
def run(small_run: maskwright.Run, tmp_path: Path) -> Path:
    """A copy that a test may spoil."""
    return Path(shutil.copytree(small_run.path, tmp_path / "run"))


def test_the_findings_are_a_value_and_files(run: Path) -> None:
    checkup = maskwright.doctor(run, device="cpu")
    assert isinstance(checkup, Checkup)
    # Ten steps on forty pictures: short, but nothing is broken.
    assert checkup.verdict == "not yet"
    assert {"filling in", "features", "length"} <= {item.name for item in checkup.findings}
    written = json.loads((run / "doctor" / "doctor.json").read_text())
    assert written == json.loads(json.dumps(checkup.to_dict()))
    with Image.open(run / "doctor" / "neighbors.png") as sheet:
        assert sheet.width > 600
    assert str(checkup).startswith(f"{run}: not yet")


def test_json_is_all_that_stands_on_the_screen(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["doctor", str(run), "--json", "--out", str(tmp_path / "out")]) == 1
    printed = json.loads(capsys.readouterr().out)
    assert printed["verdict"] == "not yet"
    assert (tmp_path / "out" / "doctor.json").exists()
    assert not (run / "doctor").exists()


def test_sentences_come_with_the_command_that_mends(
    run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["doctor", str(run)]) == 1
    out = capsys.readouterr().out
    assert f"maskwright pretrain --recipe {run / 'config.yaml'} --steps" in out


def test_weights_that_are_not_finite_are_a_finding(run: Path) -> None:
    path = run / "checkpoints" / "last.ckpt"
    checkpoint = torch.load(path, weights_only=True)
    next(iter(checkpoint["state_dict"].values())).fill_(float("nan"))
    torch.save(checkpoint, path)
    checkup = maskwright.doctor(run, device="cpu")
    assert isinstance(checkup, Checkup)
    assert checkup.verdict == "not working"
    assert checkup.findings[0].name == "weights"
    assert "not finite" in checkup.findings[0].text


def test_pictures_that_moved_are_named_again(run: Path, tmp_path: Path) -> None:
    config = run / "config.yaml"
    text = config.read_text()
    where = next(line for line in text.splitlines() if line.strip().startswith("data: "))
    old = where.split("data: ")[1]
    config.write_text(text.replace(where, where.replace(old, str(tmp_path / "gone"))))
    with pytest.raises(MaskwrightError, match="gone"):
        maskwright.doctor(run)
    assert isinstance(maskwright.doctor(run, data=old, device="cpu"), Checkup)


def test_pictures_from_python_are_given_again(tmp_path: Path) -> None:
    pictures = draw_pictures(40)
    run = maskwright.pretrain(pictures, out=tmp_path / "run", steps=2, **SMALL)
    with pytest.raises(MaskwrightError, match="give them again"):
        maskwright.doctor(run)
    checkup = run.doctor(data=pictures, device="cpu")
    # Nothing is held out of 40 pictures, and that is said.
    assert "40 training pictures" in checkup.find("features").text


@pytest.mark.parametrize("name", ["nothing", "photos"])
def test_what_is_no_run_is_a_sentence(
    name: str, photos: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["doctor", str(photos.parent / name)]) == 2
    assert "is no run folder" in capsys.readouterr().err


def test_other_kinds_of_runs_are_refused(run: Path) -> None:
    status = json.loads((run / "run.json").read_text())
    (run / "run.json").write_text(json.dumps({**status, "kind": "finetune"}))
    with pytest.raises(MaskwrightError, match="a run of finetune; the doctor examines"):
        maskwright.doctor(run)


def test_a_training_ends_with_a_few_lines_and_a_verdict(
    photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "run"
    words = [f"--{name.replace('_', '-')}={value}" for name, value in SMALL.items()]
    words = [word for word in words if "track" not in word and "checkup" not in word]
    assert (
        main(["pretrain", str(photos), "--out", str(out), "--steps=4", "--track=none", *words]) == 0
    )
    lines = capsys.readouterr().out.splitlines()
    begin = next(at for at, line in enumerate(lines) if line.startswith("Is it working? Not yet"))
    assert len(lines) - begin <= 6
    assert lines[-1].endswith(f"maskwright doctor {out}")
    assert json.loads((out / "run.json").read_text())["verdict"] == "not yet"


def test_a_training_can_end_without(photos: Path, tmp_path: Path) -> None:
    run = maskwright.pretrain(photos, out=tmp_path / "run", steps=2, **SMALL)
    assert "verdict" not in run.status


def test_few_held_out_pictures_are_said_first(
    photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    flags = ["--steps=1", "--device=cpu", "--track=none", "--no-checkup"]
    main(["pretrain", str(photos), "--out", str(tmp_path / "one"), *flags])
    first = capsys.readouterr().out.splitlines()[:4]
    assert any("None of 40 pictures is held out" in line for line in first)
    main(["pretrain", str(photos), "--out", str(tmp_path / "two"), "--val=0.1", *flags])
    said = capsys.readouterr().out
    assert "Only 4 of 40 pictures are held out" in said
    assert "--val 0.2 holds more out" in said
    # What was given is not advised again.
    main(["pretrain", str(photos), "--out", str(tmp_path / "four"), "--val=0.2", *flags])
    said = capsys.readouterr().out
    assert "Only 8 of 40 pictures are held out" in said
    assert "holds more out" not in said
    # Who asks for none knows.
    main(["pretrain", str(photos), "--out", str(tmp_path / "three"), "--val=0", *flags])
    assert "held out, so" not in capsys.readouterr().out
