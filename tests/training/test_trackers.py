"""Numbers and pictures of a run reach the trackers, without a network."""

from __future__ import annotations

import warnings
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from maskwright.support.errors import MaskwrightError
from maskwright.training import trackers
from maskwright.training.trackers import open_trackers

PICTURE = np.zeros((8, 8, 3), np.uint8)


def write(names: list[str], folder: Path) -> None:
    for tracker in open_trackers(names, folder, {"seed": 0, "policy": "random"}):
        tracker.numbers({"loss": 0.5}, 1)
        tracker.numbers({"loss": 0.25}, 2)
        tracker.picture("reconstructions", PICTURE, 2)
        tracker.close()


def test_tensorboard_reads_back_what_was_written(tmp_path: Path) -> None:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    write(["tensorboard"], tmp_path / "run")
    events = EventAccumulator(str(tmp_path / "run" / "tensorboard"))
    events.Reload()
    assert [(event.step, event.value) for event in events.Scalars("loss")] == [(1, 0.5), (2, 0.25)]
    assert len(events.Images("reconstructions")) == 1


@pytest.mark.slow
def test_mlflow_keeps_a_database_in_the_run_folder(tmp_path: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        write(["mlflow"], tmp_path / "run")
        import mlflow

        client = mlflow.MlflowClient(f"sqlite:///{tmp_path / 'run' / 'mlflow.db'}")
        runs = client.search_runs([client.get_experiment_by_name("maskwright").experiment_id])
    assert runs[0].data.metrics["loss"] == 0.25
    assert runs[0].data.params["policy"] == "random"


@pytest.mark.slow
def test_wandb_writes_offline(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WANDB_MODE", "offline")
    monkeypatch.setenv("WANDB_SILENT", "true")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        write(["wandb"], tmp_path / "run")
    assert list((tmp_path / "run" / "wandb").glob("offline-run-*"))


def test_without_tensorboard_nothing_is_mirrored_and_nothing_is_refused(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(trackers, "find_spec", lambda name: None)
    assert open_trackers(["tensorboard"], tmp_path, {}) == []


def test_a_missing_tracker_names_the_extra(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(trackers, "find_spec", lambda name: None)
    with pytest.raises(MaskwrightError, match=r"pip install 'maskwright\[wandb\]'"):
        open_trackers(["wandb"], tmp_path, {})


@pytest.mark.parametrize(
    ("mode", "key", "online"),
    [
        (None, "a-key", True),
        (None, None, False),
        ("offline", "a-key", False),
        ("online", None, True),
    ],
)
def test_wandb_goes_online_after_a_login_unless_its_mode_says_otherwise(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, mode: str | None, key: str | None, online: bool
) -> None:
    wandb = pytest.importorskip("wandb")
    monkeypatch.setattr(wandb, "api", SimpleNamespace(api_key=key))
    monkeypatch.delenv("WANDB_MODE", raising=False)
    if mode is not None:
        monkeypatch.setenv("WANDB_MODE", mode)
    assert trackers.goes_online() == online
    (note,) = trackers.tracker_notes(["wandb"], tmp_path / "run")
    assert ("wandb sync" in note) != online
    assert trackers.tracker_notes(["tensorboard"], tmp_path) == []
