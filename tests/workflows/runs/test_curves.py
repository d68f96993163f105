"""curves.png: at the end of every kind of training, while one goes on, and in notebooks."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

import maskwright
from maskwright.support.reporting import LogReporter
from maskwright.workflows.runs import run_log as log_module
from maskwright.workflows.runs.curves import draw_curves
from maskwright.workflows.runs.run_folder import RunFolder
from maskwright.workflows.runs.run_log import RunLog, mirrored_log


def test_a_pretraining_leaves_its_curves(small_run: maskwright.Run) -> None:
    with Image.open(small_run.path / "curves.png") as picture:
        assert picture.width > 800


def test_they_are_drawn_while_a_training_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(log_module, "CURVES_SECONDS", -1.0)
    run_log = RunLog(RunFolder(tmp_path), [])
    run_log.emit({"step": 1, "epoch": 1, "loss": 0.5})
    assert (tmp_path / "curves.png").exists()


def test_and_at_its_end_even_after_an_error(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path)

    def train() -> None:
        with mirrored_log(folder, ["none"], {}, LogReporter(visible=False)) as run_log:
            run_log.emit({"step": 1, "epoch": 1, "loss": 0.5})
            raise ValueError("oops")

    with pytest.raises(ValueError, match="oops"):
        train()
    assert (tmp_path / "curves.png").exists()


def test_a_listener_that_shows_pictures_gets_them(tmp_path: Path) -> None:
    class Shown(LogReporter):
        def __init__(self) -> None:
            super().__init__(visible=False)
            self.pictures: list[bytes] = []

        def show_curves(self, png: bytes) -> None:
            self.pictures.append(png)

    shown = Shown()
    with mirrored_log(RunFolder(tmp_path), ["none"], {}, shown) as run_log:
        run_log.emit({"step": 1, "epoch": 1, "loss": 0.5})
    assert shown.pictures == [(tmp_path / "curves.png").read_bytes()]


def test_nothing_is_drawn_before_the_first_row(tmp_path: Path) -> None:
    assert draw_curves(RunFolder(tmp_path)) is None
    RunLog(RunFolder(tmp_path), []).close()
    assert not (tmp_path / "curves.png").exists()


def test_a_notebook_shows_state_and_curves(small_run: maskwright.Run) -> None:
    html = small_run._repr_html_()
    assert "is finished" in html
    assert "data:image/png;base64," in html
    assert (small_run._repr_png_() or b"").startswith(b"\x89PNG")
