"""Two processes that share the pictures of a command leave what one process leaves."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet
import pytest
from PIL import Image

import maskwright
import maskwright.workflows.dividing.parts as parts
from maskwright.support.reporting import LogReporter
from maskwright.training.group import ProcessLost
from maskwright.training.launch import started_group
from maskwright.workflows.dividing.processes import Work
from maskwright.workflows.picture_worker import COMMANDS
from maskwright.workflows.settings.anomalies_settings import AnomaliesSettings
from maskwright.workflows.settings.embed_settings import EmbedSettings
from maskwright.workflows.settings.evaluate_settings import EvaluateSettings
from tests.conftest import draw_pictures

LISTENER = LogReporter(visible=False)


@pytest.fixture
def many(tmp_path: Path) -> Path:
    """Pictures for three batches of each command, one of them broken."""
    root = tmp_path / "many"
    for index, picture in enumerate(draw_pictures(400)):
        bright = index % 2 == 0
        place = root / ("train" if index < 260 else "test") / ("good" if bright else "dark")
        place.mkdir(parents=True, exist_ok=True)
        Image.fromarray(picture // 4 + (180 if bright else 0)).save(place / f"{index:03d}.png")
    (root / "test" / "good" / "broken.png").write_bytes(b"no picture")
    return root


@pytest.mark.slow
def test_two_processes_leave_what_one_leaves(
    small_run: maskwright.Run, many: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run, test = str(small_run.path), str(many / "test")
    embed = {"run": run, "data": test, "device": "cpu"}
    probe = {"run": run, "data": str(many), "probe": "knn", "figures": False, "device": "cpu"}
    anomalies = {"run": run, "photos": test, "normal": str(many / "train" / "good"), "show": 2}
    anomalies |= {"device": "cpu", "anomalous": "dark", "maps": True}

    def named(name: str, ending: str = "") -> str:
        return str(tmp_path / f"{name}{ending}")

    monkeypatch.setenv("MASKWRIGHT_CACHE", named("cache of one"))
    maskwright.embed(out=named("alone", ".parquet"), **embed)
    maskwright.evaluate(out=named("alone"), **probe)
    maskwright.anomalies(out=named("alone"), **anomalies)

    monkeypatch.setattr(parts, "MOST_BATCHES", 1)
    root = Path(__file__).parents[3]
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(root / "src"), str(root)]))
    monkeypatch.setenv("MASKWRIGHT_CACHE", named("cache of two"))
    jobs = [
        Work("embed", EmbedSettings(out=named("two", ".parquet"), **embed)),
        Work("embed", EmbedSettings(out=named("two", ".npz"), **embed)),
        Work("evaluate", EvaluateSettings(out=named("two"), **probe)),
        Work("anomalies", AnomaliesSettings(out=named("two"), **anomalies)),
        Work("embed", EmbedSettings(out=named("killed", ".parquet"), **embed)),
    ]
    with pytest.raises(ProcessLost):
        work_together(jobs)

    alone, two = (pyarrow.parquet.read_table(named(name, ".parquet")) for name in ("alone", "two"))
    assert two.equals(alone, check_metadata=True)
    with np.load(named("two", ".npz")) as arrays:
        assert arrays["keys"].tolist() == alone["key"].to_pylist()
        assert arrays["features"].tolist() == alone["features"].to_pylist()
    same_json(tmp_path, "*-knn.json", lambda report: report["results"])
    same_json(tmp_path, "anomalies.json", lambda report: report["pictures"])
    maps = [np.load(tmp_path / name / "maps.npz") for name in ("alone", "two")]
    for name in maps[0].files:
        assert np.array_equal(maps[0][name], maps[1][name]), name
    # The whole features are kept for the next time, the parts are not.
    kept = [read_features(tmp_path / name) for name in ("cache of one", "cache of two")]
    assert len(kept[0]) == 6
    assert kept[0] == kept[1]
    assert not [*tmp_path.glob("two*.parts"), *(tmp_path / "cache of two").rglob("*.parts")]

    # The second process has left its first part, and nothing of the second.
    left = sorted(path.name for path in (tmp_path / "killed.parquet.parts").glob("*.parquet"))
    assert left == ["00000000-00000001.parquet", "00000001-00000002.parquet"]
    maskwright.embed(out=named("killed", ".parquet"), **embed)
    again = pyarrow.parquet.read_table(named("killed", ".parquet"))
    assert again.equals(alone, check_metadata=True)
    assert not (tmp_path / "killed.parquet.parts").exists()


def work_together(jobs: list[Work]) -> None:
    """Do one piece of work after another with a second process, which dies in the last."""
    with started_group("tests.workflows.dividing.second_process", 2) as group:
        for job in jobs:
            group.hear_first(job)
            COMMANDS[job.command](job.settings, group, LISTENER)


def read_features(cache: Path) -> dict[str, bytes]:
    """Every file of features by its name."""
    return {path.name: path.read_bytes() for path in (cache / "features").iterdir()}


def same_json(folder: Path, pattern: str, part: Callable[[Any], Any]) -> None:
    """Both processes together have written the numbers of one process."""
    found = []
    for name in ("alone", "two"):
        (path,) = (folder / name).glob(pattern)
        found.append(part(json.loads(path.read_text())))
    assert found[0] == found[1]
