"""The folder of a run: what may be written where, and that rows survive a crash in the middle of a
line.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from maskwright.support.errors import MaskwrightError
from maskwright.workflows.runs.run_folder import (
    RunFolder,
    default_folder,
    logged,
    prepare_folder,
    slug,
)


def made(path: Path, state: str = "finished") -> RunFolder:
    folder = RunFolder(path)
    folder.update_status(state=state, step=3, total_steps=10)
    return folder


def test_rows_after_a_step_are_cut_and_a_half_written_line_is_left_out(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path / "run")
    for step in (1, 2, 2, 3):
        folder.append_metrics({"step": step, "loss": 1 / 3})
    with folder.metrics_file.open("a") as file:
        file.write('{"step": 4, "lo')
    assert [row["step"] for row in folder.metrics()] == [1, 2, 2, 3]
    folder.cut_metrics(2)
    assert folder.metrics() == [{"step": step, "loss": 0.333333} for step in (1, 2, 2)]
    folder.append_metrics({"step": 3})
    assert [row["step"] for row in folder.metrics()] == [1, 2, 2, 3]


def test_a_change_of_the_status_keeps_the_other_entries(tmp_path: Path) -> None:
    folder = made(tmp_path / "run", "running")
    folder.fail(ValueError("the lamp went out"))
    status = folder.status()
    assert (status["state"], status["error"]) == ("failed", "ValueError: the lamp went out")
    assert (status["step"], status["total_steps"]) == (3, 10)
    assert "failed at step 3/10" in folder.describe()


def test_default_folders_are_numbered_past_finished_runs_and_come_back_to_others(
    tmp_path: Path,
) -> None:
    assert default_folder("My photos!", "vit", "block(size=2)", tmp_path).path == (
        tmp_path / "My_photos-vit-block_size_2"
    )
    made(tmp_path / "a-b-c")
    assert default_folder("a", "b", "c", tmp_path).path.name == "a-b-c-2"
    stopped = made(tmp_path / "a-b-c-2", "stopped")
    assert default_folder("a", "b", "c", tmp_path).path == stopped.path
    (tmp_path / "d-e-f").mkdir()
    (tmp_path / "d-e-f" / "thesis.txt").touch()
    assert default_folder("d", "e", "f", tmp_path).path.name == "d-e-f-2", "not a run's folder"


@pytest.mark.parametrize(
    ("text", "name"), [("日本/猫", "日本_猫"), ("..", "data"), ("a" * 50, "a" * 40)]
)
def test_names_of_folders_are_short_and_of_any_script(text: str, name: str) -> None:
    assert slug(text) == name


def test_only_a_runs_folder_is_cleared(tmp_path: Path) -> None:
    prepare_folder(made(tmp_path / "run"), overwrite=True)
    assert not (tmp_path / "run").exists()
    (tmp_path / "thesis").mkdir()
    (tmp_path / "thesis" / "chapter.txt").touch()
    for overwrite in (True, False):
        with pytest.raises(MaskwrightError, match=r"holds files but no run|holds no run"):
            prepare_folder(RunFolder(tmp_path / "thesis"), overwrite)
    assert (tmp_path / "thesis" / "chapter.txt").exists()


def test_an_attempt_that_made_no_run_leaves_no_folder_and_one_that_did_leaves_its_log(
    tmp_path: Path,
) -> None:
    with logged(RunFolder(tmp_path / "early")):
        assert (tmp_path / "early" / "train.log").exists()
    assert not (tmp_path / "early").exists()
    with logged(RunFolder(tmp_path / "late")):
        made(tmp_path / "late", "running")
    assert (tmp_path / "late" / "train.log").exists()
