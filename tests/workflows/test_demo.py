"""The demo: test cells stay out of its training, and doubtful ones count as sound."""

from __future__ import annotations

import functools
import json
from pathlib import Path

import pytest
from PIL import Image

from maskwright.workflows import demo as demo_module
from tests.conftest import draw_pictures
from tests.workflows.conftest import SMALL
from tests.workflows.test_evaluate import Listener

CELLS = 24


@pytest.fixture
def cells(tmp_path: Path) -> Path:
    """A folder laid out as elpv-dataset: gray pictures and a list of file, probability, type."""
    folder = tmp_path / "data"
    (folder / "images").mkdir(parents=True)
    lines = []
    for at, picture in enumerate(draw_pictures(CELLS)):
        name = f"images/cell{at:04d}.png"
        Image.fromarray(picture).convert("L").save(folder / name)
        probability = ("0.0", "0.3333333333333333", "0.6666666666666666", "1.0")[at % 4]
        lines.append(f"{name}  {probability}    mono")
    (folder / "labels.csv").write_text("\n".join(lines) + "\n")
    return folder


def test_the_demo_tests_on_cells_that_it_did_not_train_on(
    cells: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(demo_module, "_pictures", lambda: cells)
    shorter = functools.partial(demo_module.pretrain, **SMALL)
    monkeypatch.setattr(demo_module, "pretrain", lambda *a, **named: shorter(*a, **named, steps=2))
    run = demo_module.demo(out=tmp_path / "run", reporter=Listener())

    labels = (run.path / "labels.csv").read_text().splitlines()
    assert labels[:5] == [
        "file,label",
        "cell0000.png,sound",
        "cell0001.png,sound",
        "cell0002.png,defective",
        "cell0003.png,defective",
    ]
    result = json.loads(next((run.path / "eval").glob("*.json")).read_text())
    assert result["seen"]["this encoder"] == {"test_pictures_trained_on": 0, "of": CELLS // 4}
