"""A search stays inside its ranges, gives up what lags behind, and goes on where it was stopped."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from maskwright.studies.plan import build_plan
from maskwright.studies.ranges import parse_ranges
from maskwright.studies.running import RunningSettings
from maskwright.studies.study import run_plan
from maskwright.support.errors import MaskwrightError
from tests.studies.conftest import QUICK


def test_ranges_are_choices_or_numbers_from_low_to_high() -> None:
    found = parse_ranges(
        {"lr": {"low": "1e-4", "high": 1e-2, "log": True}, "policy": ["random", "grid"]}
    )
    assert (found["lr"].low, found["lr"].high, found["lr"].log) == (1e-4, 1e-2, True)
    assert found["policy"].choices == ("random", "grid")
    mistakes = [
        ({"lr": 1}, "list of choices"),
        ({"lr": {"low": 2, "high": 1}}, "to a larger high"),
        ({"lrr": [1, 2]}, "Did you mean 'lr'"),
    ]
    for values, message in mistakes:
        with pytest.raises(MaskwrightError, match=message):
            parse_ranges(values)


@pytest.mark.slow
def test_a_search_tries_settings_inside_the_ranges_and_counts_earlier_trials(
    plan_values: dict[str, Any], tmp_path: Path
) -> None:
    values = {
        **plan_values,
        "base": {**plan_values["base"], "val": "0.3"},
        "budget": {"steps": 9},
        "search": {"lr": {"low": 1e-5, "high": 1.0, "log": True}, "ratio": [0.5, 0.75]},
    }
    plan = build_plan(values, "tiny")
    run_plan(plan, RunningSettings(out=tmp_path / "study", search=2, heartbeat=QUICK))
    record = run_plan(plan, RunningSettings(out=tmp_path / "study", search=3, heartbeat=QUICK))
    told = json.loads((tmp_path / "study" / "search.json").read_text())
    assert len(told["trials"]) == 3
    assert all(
        1e-5 <= trial["settings"]["lr"] <= 1 and trial["settings"]["ratio"] in (0.5, 0.75)
        for trial in told["trials"]
    )
    done = [trial["value"] for trial in told["trials"] if trial["state"] == "complete"]
    assert told["best"]["value"] == max(done)
    assert record.trials == (), "a search is no trial of the arms"


def test_a_plan_without_ranges_cannot_be_searched(
    plan_values: dict[str, Any], tmp_path: Path
) -> None:
    with pytest.raises(MaskwrightError, match="no ranges to search"):
        run_plan(
            build_plan(plan_values, "tiny"),
            RunningSettings(out=tmp_path / "study", search=2, heartbeat=QUICK),
        )
