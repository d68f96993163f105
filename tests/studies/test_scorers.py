"""Studies of scorers: arms share a frozen run, and are compared by what their scorers keep."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from maskwright.studies.metrics import SELECT_METRICS
from maskwright.studies.plan import build_plan
from maskwright.studies.scorers import pretrained_folder, scorer_settings
from maskwright.studies.study import study
from maskwright.support.errors import MaskwrightError
from tests.studies.conftest import QUICK

SCORER: dict[str, Any] = {
    "steps": 1,
    "scorer_width": 16,
    "scorer_depth": 1,
    "scorer_heads": 2,
    "batch_size": 8,
    "val": "0.25",
}


@pytest.fixture
def scorer_values(plan_values: dict[str, Any]) -> dict[str, Any]:
    values = {name: value for name, value in plan_values.items() if name != "evaluate"}
    arms = {
        "leaking": {"select": {"encode": "all", "mix": "interpolate"}},
        "honest": {"select": {"encode": "kept", "mix": "sample"}},
    }
    base = {**plan_values["base"], "decoder": "full"}
    return {**values, "base": base, "select": SCORER, "arms": arms}


def test_arms_train_their_scorers_on_one_frozen_run(
    scorer_values: dict[str, Any], tmp_path: Path
) -> None:
    path = tmp_path / "scorers.yaml"
    path.write_text(yaml.safe_dump(scorer_values))
    record = study(path, out=tmp_path / "study", heartbeat=QUICK)
    assert [trial.state for trial in record.trials] == ["done", "done"]
    assert len(list((tmp_path / "study" / "pretrained").iterdir())) == 1
    for trial in record.trials:
        assert {"gain over random, same counts", "kept", "composite error"} <= set(trial.numbers)
        assert 0 < trial.numbers["kept"] <= 1
    (main,) = [metric.name for metric in record.metrics if metric.main]
    assert main == SELECT_METRICS[0].name
    results = json.loads((tmp_path / "study" / "results.json").read_text())
    leaking = results["arms"]["leaking"]
    assert leaking["settings"]["select"] == {"encode": "all", "mix": "interpolate"}
    assert leaking["seeds"]["0"]["pretraining_minutes"] > 0
    assert leaking["means"]["kept"]["mean"] == record.trials[0].numbers["kept"]
    page = (tmp_path / "study" / "report.md").read_text()
    assert "select.encode: all, select.mix: interpolate" in page, "the page says how arms differ"


def test_arms_that_pretrain_alike_share_a_folder(scorer_values: dict[str, Any]) -> None:
    arms = {**scorer_values["arms"], "longer": {"ratio": 0.5, "select": {}}}
    plan = build_plan({**scorer_values, "arms": arms}, "scorers")
    folders = [pretrained_folder(Path("s"), arm, {"steps": 2}, 0) for arm in plan.arms]
    assert folders[0] == folders[1] != folders[2]
    assert pretrained_folder(Path("s"), plan.arms[0], {"steps": 2}, 1) != folders[0]


def test_an_arm_takes_back_what_the_recipe_says(scorer_values: dict[str, Any]) -> None:
    shared = {"recipe": "select-cifar10", "lr": None, "epochs": 2}
    plan = build_plan({**scorer_values, "select": shared}, "scorers")
    settings = scorer_settings(shared, plan.arm("honest"))
    assert settings["encode"] == "kept"
    assert "lr" not in settings
    assert settings["epochs"] == 2


def test_settings_of_a_scorer_are_checked_before_anything_trains(
    scorer_values: dict[str, Any], plan_values: dict[str, Any]
) -> None:
    wrong = {"leaking": {}, "honest": {"select": {"encod": "kept"}}}
    with pytest.raises(MaskwrightError, match=r"Arm 'honest': .*Did you mean 'encode'"):
        build_plan({**scorer_values, "arms": wrong}, "scorers")
    with pytest.raises(MaskwrightError, match="a section `select` of its own"):
        build_plan({**plan_values, "arms": scorer_values["arms"]}, "scorers")
