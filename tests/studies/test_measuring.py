"""Every arm is measured on the same pictures, which none was trained on, under the same masks."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import yaml
from PIL import Image

import maskwright
from maskwright.patches import Grid
from maskwright.studies.measures import MeasureSettings, read_mask
from maskwright.studies.measuring import draw_common, held_pictures, measure_run
from maskwright.studies.report.runs import read_diagnostics
from maskwright.studies.study import study
from maskwright.support.errors import MaskwrightError
from maskwright.support.reporting import LogReporter
from tests.studies.conftest import BASE, QUICK

QUIET = LogReporter(visible=False)


@pytest.fixture(scope="module")
def runs(pictures: Path, tmp_path_factory: pytest.TempPathFactory) -> list[maskwright.Run]:
    """Two arms of different policies, ratios and seeds."""
    arms: list[dict[str, Any]] = [{}, {"policy": "block(size=2)", "ratio": 0.5, "seed": 1}]
    home = tmp_path_factory.mktemp("measured")
    return [
        maskwright.pretrain(
            pictures,
            split="train",
            steps=2,
            out=home / str(number),
            track=["none"],
            **{**BASE, **arm},
        )
        for number, arm in enumerate(arms)
    ]


@pytest.mark.parametrize("mask", ["random 0.75", "block(size=2) 0.75", "grid 0.75"])
def test_common_masks_and_pictures_are_the_same_for_all_arms(
    runs: list[maskwright.Run], mask: str
) -> None:
    choice, seen = read_mask(mask), []
    for run in runs:
        batch = held_pictures(run.settings, 8, (), Grid(4, 4), QUIET)
        seen.append((batch.images, draw_common(run.load(), run.path, choice, batch)))
    assert torch.equal(seen[0][0], seen[1][0])
    assert torch.equal(seen[0][1].is_masked, seen[1][1].is_masked)
    assert seen[0][1].num_masked == 12


def test_pictures_that_are_filled_in_come_from_the_test_split(
    runs: list[maskwright.Run], pictures: Path
) -> None:
    batch = held_pictures(runs[0].settings, 100, (), Grid(4, 4), QUIET)
    files = sorted((pictures / "test").rglob("*.png"))
    assert len(batch.images) == len(files) == 20
    truth = {np.asarray(Image.open(file)).tobytes() for file in files}
    assert {
        image.permute(1, 2, 0).contiguous().numpy().tobytes() for image in batch.images
    } == truth


def test_measuring_a_run_twice_gives_the_same_numbers(runs: list[maskwright.Run]) -> None:
    measures = MeasureSettings(probes=("knn",), masks=("random 0.75",), pictures=8)
    first, again = (measure_run(runs[0], measures, QUIET) for _ in range(2))
    assert first == again
    assert set(first.numbers) == {"knn top1", "psnr random 0.75"}


def test_a_plan_says_what_is_measured_of_filled_pictures_and_which_way_is_better(
    runs: list[maskwright.Run],
) -> None:
    measures = MeasureSettings.parse(
        {"probes": [], "masks": "random 0.75", "filled": "psnr, high_frequency", "pictures": 8}
    )
    metrics = {metric.name: metric for metric in measures.metrics()}
    assert [metric.larger_is_better for metric in metrics.values()] == [True, False]
    numbers = measure_run(runs[0], measures, QUIET).numbers
    assert numbers.keys() == metrics.keys() == {"psnr random 0.75", "high_frequency random 0.75"}
    assert 0 < numbers["high_frequency random 0.75"] < 4


def test_an_unknown_number_of_filled_pictures_is_told() -> None:
    with pytest.raises(MaskwrightError, match="Did you mean 'psnr'"):
        MeasureSettings.parse({"filled": ["psrn"]})


def test_diagnostics_that_a_plan_asks_for_are_left_in_the_run_and_reach_the_report(
    plan_values: dict[str, Any], tmp_path: Path
) -> None:
    plan_values["evaluate"] = {
        **plan_values["evaluate"],
        "diagnostics": ["lowpass(sigmas=[0, 1], cutoffs=[4])"],
    }
    (tmp_path / "plan.yaml").write_text(yaml.safe_dump(plan_values))
    record = study(tmp_path / "plan.yaml", out=tmp_path / "study", heartbeat=QUICK)
    found = read_diagnostics(record, tmp_path / "study")
    assert set(found) == {"random", "block"}
    assert any(name.startswith("lowpass") for name in found["random"])


def test_an_unknown_diagnostic_is_told(plan_values: dict[str, Any]) -> None:
    with pytest.raises(MaskwrightError, match="lowpass"):
        MeasureSettings.parse({"diagnostics": ["lowpas"]})


def test_kept_epochs_other_pictures_and_losses_are_measured_where_a_plan_asks(
    plan_values: dict[str, Any], pictures: Path, tmp_path: Path
) -> None:
    maps = tmp_path / "maps"
    for path in pictures.rglob("*.png"):
        with Image.open(path) as picture:
            dark = picture.convert("L").point([0] * 128 + [1] * 128)
        name = maps / path.relative_to(pictures)
        name.parent.mkdir(parents=True, exist_ok=True)
        dark.save(name)
    dense = f"segmentation(maps='{maps}')"
    length = {"steps": None, "epochs": 2, "keep": [1]}
    values = {
        **plan_values,
        "base": {**plan_values["base"], **length},
        "arms": {"random": {}, "grid": {"policy": "grid"}},
        "budget": None,
        "evaluate": {
            "probes": ["knn", dense],
            "masks": ["random 0.75"],
            "filled": ["loss"],
            "pictures": 8,
            "cross": False,
            "kept": True,
            "also": [str(pictures)],
        },
    }
    (tmp_path / "plan.yaml").write_text(yaml.safe_dump(values))
    record = study(tmp_path / "plan.yaml", out=tmp_path / "study", heartbeat=QUICK)
    trial = record.trials[0]
    assert "knn top1 at epoch 1" in trial.numbers
    assert f"{dense} miou at epoch 1" in trial.numbers
    # The same pictures under the same probe give the same accuracy.
    assert trial.numbers[f"knn top1 on {pictures.name}"] == trial.numbers["knn top1"]
    (written,) = (tmp_path / "study" / str(trial.run) / "losses").glob("*.json")
    spread = json.loads(written.read_text())
    ordered = [loss for _, loss in spread["best_to_worst"]]
    assert ordered == sorted(ordered)
    assert len(ordered) == 8
    assert trial.numbers["loss best random 0.75"] == ordered[0]
    mean = trial.numbers["loss random 0.75"]
    assert ordered[0] < mean < trial.numbers["loss worst random 0.75"]
    page = (tmp_path / "study" / "report.md").read_text()
    assert "loss sd random 0.75" in page
