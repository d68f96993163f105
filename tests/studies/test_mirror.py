"""Trials arrive in the trackers that were asked for, with their settings, numbers and compute."""

from __future__ import annotations

import sqlite3
import warnings
from pathlib import Path

import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from maskwright.studies.mirror import mirror_trial
from maskwright.studies.record import Compute, TrialRecord


def record() -> TrialRecord:
    compute = Compute(steps=10, images=320, encoder_tokens=100, decoder_tokens=200, flops=1e9)
    numbers = {"knn top1": 0.5, "psnr block(size=2) 0.75": 20.0}
    return TrialRecord(
        study="s",
        arm="block(size=2)",
        seed=1,
        state="done",
        numbers=numbers,
        compute=compute,
        settings={"ratio": 0.75},
    )


def test_tensorboard_gets_the_numbers_of_a_trial(tmp_path: Path) -> None:
    mirror_trial(["tensorboard"], tmp_path, tmp_path / "trial", record())
    events = EventAccumulator(str(tmp_path / "trial" / "tensorboard"))
    events.Reload()
    assert {"knn top1", "compute/flops"} <= set(events.Tags()["scalars"])
    (point,) = events.Scalars("knn top1")
    assert (point.step, point.value) == (10, 0.5)


@pytest.mark.slow
def test_mlflow_gets_all_trials_of_a_study_in_one_database(tmp_path: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what MLflow's own libraries say about each other
        for seed in (0, 1):
            mirror_trial(["mlflow"], tmp_path, tmp_path / f"trial{seed}", record())
    with sqlite3.connect(tmp_path / "mlflow.db") as database:
        names = database.execute("select name from runs").fetchall()
        metrics = {
            name for (name,) in database.execute("select distinct key from metrics").fetchall()
        }
    database.close()
    assert names == [("block(size=2) seed 1",)] * 2
    assert {"knn top1", "psnr block_size_2_ 0.75", "compute/steps"} <= metrics


def test_without_trackers_nothing_is_written(tmp_path: Path) -> None:
    mirror_trial([], tmp_path, tmp_path / "trial", record())
    assert list(tmp_path.iterdir()) == []
