"""Workers started through Ray, on a cluster of this machine that is made and stopped again."""

from __future__ import annotations

import os
import signal
import sqlite3
import time
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from maskwright.studies.cluster import work_on_cluster
from maskwright.studies.plan import build_plan
from maskwright.studies.running import RunningSettings
from maskwright.studies.study import run_plan
from maskwright.studies.workers import Job
from maskwright.support.errors import MaskwrightError
from maskwright.support.files import read_json
from maskwright.support.reporting import LogReporter
from tests.studies.conftest import QUICK

ray = pytest.importorskip("ray")
PATIENCE = 200.0


@pytest.mark.slow
def test_ray_workers_share_the_trials_and_take_over_that_of_a_killed_one(
    plan_values: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[2] / "src"))
    plan = build_plan(plan_values | {"budget": {"steps": 30}}, "tiny")
    out = tmp_path / "study"
    killed: list[int] = []
    killer = Thread(target=kill_worker, args=(out / "trials" / "1-block-seed0" / "run", killed))
    killer.start()
    launcher = "ray(num_cpus=0.5, max_retries=0)"
    record = run_plan(plan, RunningSettings(out=out, workers=2, launcher=launcher, heartbeat=QUICK))
    killer.join()
    assert killed
    assert os.getpid() not in killed
    assert [trial.state for trial in record.trials] == ["done", "done"]
    with sqlite3.connect(out / "ledger.db") as database:
        rows = database.execute("select state, count(*) from trials group by state").fetchall()
    database.close()
    assert dict(rows) == {"COMPLETE": 2, "FAIL": 1}, "the killed attempt, and each trial once"
    # Nothing was left running, sent away or shown on a page.
    assert not ray.is_initialized()
    assert os.environ["RAY_USAGE_STATS_ENABLED"] == "0"


def kill_worker(run: Path, killed: list[int]) -> None:
    """Kill the process that trains in a folder, soon after its training has begun."""
    deadline = time.monotonic() + PATIENCE
    while not (run / "run.json").exists():
        if time.monotonic() > deadline:
            return
        time.sleep(0.02)
    pid = read_json(run / "run.json")["process"]["pid"]
    os.kill(pid, signal.SIGKILL)
    killed.append(pid)


def test_what_ray_does_not_know_is_a_sentence(tmp_path: Path) -> None:
    job = Job(folder=tmp_path, lengths={})
    with pytest.raises(MaskwrightError, match=r"'ray\(cores=1\)' does not fit Ray: .*cores"):
        work_on_cluster(job, "ray(cores=1)", LogReporter(visible=False))
    assert not ray.is_initialized()
