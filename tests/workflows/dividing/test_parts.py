"""Parts that are finished are found again, and those that are not are not."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from maskwright.support.errors import MaskwrightError
from maskwright.support.reporting import LogReporter
from maskwright.training.group import ALONE
from maskwright.workflows.dividing.parts import (
    Parts,
    join_tensors,
    plan_share,
    write_share,
    write_tensors,
)
from maskwright.workflows.dividing.processes import Work, sharing_processes
from maskwright.workflows.dividing.stretches import Stretch
from maskwright.workflows.measuring.feature_parts import begin_parts

LISTENER = LogReporter(visible=False)


def write(stretch: Stretch, path: Path) -> None:
    write_tensors(path, {"rows": torch.arange(stretch.first, stretch.end)})


def test_what_an_interrupted_job_has_finished_is_kept(tmp_path: Path) -> None:
    parts = Parts(tmp_path / "parts", ".safetensors")
    written: list[Stretch] = []

    def failing(stretch: Stretch, path: Path) -> None:
        path.write_bytes(b"half")
        raise MaskwrightError("The disk is full.")

    parts.folder.mkdir()
    write(Stretch(2, 4), parts.place(Stretch(2, 4)))
    with pytest.raises(MaskwrightError, match="disk is full"):
        write_share(ALONE, parts, plan_share(ALONE, parts, 6), failing)
    assert parts.finished() == [Stretch(2, 4)]

    def counted(stretch: Stretch, path: Path) -> None:
        written.append(stretch)
        write(stretch, path)

    share = plan_share(ALONE, parts, 6)
    write_share(ALONE, parts, share, counted)
    assert written == [Stretch(0, 2), Stretch(4, 6)]
    assert join_tensors(parts, share)["rows"].tolist() == list(range(6))


def test_parts_of_something_else_are_not_used(tmp_path: Path) -> None:
    parts = Parts(tmp_path / "features.parquet.parts", ".parquet")
    begin_parts(parts.folder, "these", LISTENER)
    parts.place(Stretch(0, 1)).write_bytes(b"part")
    begin_parts(parts.folder, "these", LISTENER)
    assert parts.finished() == [Stretch(0, 1)]
    begin_parts(parts.folder, "others", LISTENER)
    assert parts.finished() == []


def test_a_folder_of_somebody_else_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(MaskwrightError, match="something else"):
        begin_parts(tmp_path, "these", LISTENER)
    assert (tmp_path / "notes.txt").exists()


def test_processes_that_cannot_share_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    work = Work("embed", None)
    with (
        pytest.raises(MaskwrightError, match="torchrun --nproc-per-node 2"),
        sharing_processes(work, 2, torch.zeros(4, 3, 16, 16)),
    ):
        pass
    words = {"RANK": "0", "WORLD_SIZE": "4", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": "1"}
    for name, value in words.items():
        monkeypatch.setenv(name, value)
    with (
        pytest.raises(MaskwrightError, match="started 4 processes and --devices 2"),
        sharing_processes(work, 2, "photos"),
    ):
        pass
