"""Workers started through submitit, here by its local executor, share a study's ledger."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from maskwright.studies.cluster import read_launcher
from maskwright.studies.plan import build_plan
from maskwright.studies.running import RunningSettings
from maskwright.studies.study import run_plan
from maskwright.support.errors import MaskwrightError
from tests.studies.conftest import QUICK


@pytest.mark.slow
def test_a_submitted_worker_runs_the_trials(
    plan_values: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("submitit")
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[2] / "src"))
    plan = build_plan(plan_values, "tiny")
    record = run_plan(
        plan,
        RunningSettings(
            out=tmp_path / "study", workers=1, launcher="local(timeout_min=5)", heartbeat=QUICK
        ),
    )
    assert [trial.state for trial in record.trials] == ["done", "done"]
    assert list((tmp_path / "study" / "submitit").glob("*_log.out"))


def test_a_launcher_that_there_is_not_is_told_with_the_nearest() -> None:
    assert read_launcher("slurm(timeout_min=5)").options == {"timeout_min": 5}
    with pytest.raises(MaskwrightError, match="Did you mean 'slurm'"):
        read_launcher("slum")
    with pytest.raises(MaskwrightError, match="A launcher is slurm or ray"):
        read_launcher("slurm('gpu')")
