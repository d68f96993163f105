"""A study at a glance: published ones, and those whose trials are under way."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from maskwright.studies.design import keep_plan
from maskwright.studies.ledger import Ledger
from maskwright.studies.overview import find_studies, trained_runs, view_study
from maskwright.studies.plan import build_plan
from maskwright.studies.record import TrialRecord
from maskwright.studies.trial import RECORD, trial_folder
from maskwright.support.errors import MaskwrightError
from maskwright.support.files import write_json
from maskwright.workflows.runs.run_folder import RunFolder
from tests.studies.report.test_page import synthetic_trials
from tests.studies.synthetic import synthetic_study


def test_a_study_under_way_shows_each_trial(tmp_path: Path, plan_values: dict[str, Any]) -> None:
    folder = tmp_path / "studies" / "tiny"
    plan = build_plan({**plan_values, "seeds": 2}, "tiny")
    keep_plan(plan, folder)
    with Ledger.open(folder, plan.name) as ledger:
        ledger.enqueue(plan.keys)
        claim = ledger.claim()
    assert claim is not None
    # What one trial has ended with, and where the claimed one is.
    main = plan.measures.main_metric.name
    done = next(key for key in plan.keys if key != (claim.arm, claim.seed))
    ended = trial_folder(folder, plan, *done)
    record = TrialRecord(
        study=plan.name,
        arm=done[0],
        seed=done[1],
        state="done",
        numbers={main: 0.5},
        run=str((ended / "run").relative_to(folder)),
        started="2026-01-01T00:00:00+00:00",
        ended="2026-01-01T00:03:00+00:00",
    )
    write_json(ended / RECORD, record.to_dict())
    run = RunFolder(trial_folder(folder, plan, claim.arm, claim.seed) / "run")
    run.append_metrics({"step": 7, "loss": 0.8})
    run.update_status(state="running", total_steps=20)
    view = view_study(folder)
    assert [view.count(state) for state in ("done", "running", "waiting")] == [1, 1, 2]
    trials = {(trial.arm, trial.seed): trial for trial in view.trials}
    under_way = trials[claim.arm, claim.seed]
    assert (under_way.step, under_way.total_steps, under_way.loss) == (7, 20, 0.8)
    assert (trials[done].value, trials[done].minutes) == (0.5, 3.0)
    assert view.has_plan
    assert not view.has_report
    assert list(find_studies(tmp_path)) == [folder]
    assert trained_runs(folder) == {done[0]: {done[1]: ended / "run"}}


def test_a_published_report_is_a_study_too(tmp_path: Path) -> None:
    synthetic_study(seeds=3, trials=synthetic_trials(3)).save(tmp_path / "study.json")
    view = view_study(tmp_path)
    assert view.count("done") == len(view.trials)
    assert not view.has_plan
    assert any("block(size=2)" in line for line in view.answer)


def test_a_folder_that_holds_none_is_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(MaskwrightError, match="holds no study"):
        view_study(tmp_path)
