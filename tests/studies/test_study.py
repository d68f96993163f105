"""A study runs what is missing, survives failures and kill -9, and ends with a verdict."""

from __future__ import annotations

import json
import logging
import signal
import sqlite3
import time
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml

import maskwright
from maskwright.cli.main import main
from maskwright.studies.design import join_plan, keep_plan
from maskwright.studies.ledger import Ledger
from maskwright.studies.measuring import measure_run
from maskwright.studies.plan import build_plan, read_plan
from maskwright.studies.record import StudyRecord
from maskwright.studies.study import study
from maskwright.studies.workers import Job, work_alone
from maskwright.support.errors import MaskwrightError, NotAvailable
from maskwright.support.reporting import LogReporter
from tests.studies.conftest import BASE, QUICK
from tests.studies.starter import PATIENCE, start_worker, wait_for
from tests.warm_start import WarmProcess, warm_command

ENDLESS = {
    "probes": ["finetune(epochs=1000000)"],
    "masks": ["random 0.75"],
    "pictures": 8,
    "cross": False,
}


def written(values: dict[str, Any], tmp_path: Path, **changes: Any) -> Path:
    """The plan as a file."""
    path = tmp_path / "tiny.yaml"
    path.write_text(yaml.safe_dump({**values, **changes}, sort_keys=False))
    return path


def states(record: StudyRecord) -> dict[tuple[str, int], str]:
    return {trial.key: trial.state for trial in record.trials}


def state_of(run: Path) -> str:
    return json.loads((run / "run.json").read_text())["state"]


def wait_for_state(run: Path, state: str) -> None:
    deadline = time.monotonic() + PATIENCE
    while state_of(run) != state:
        assert time.monotonic() < deadline, f"{run} is still {state_of(run)}"
        time.sleep(0.02)


def ended(record: StudyRecord) -> dict[tuple[str, int], str | None]:
    return {trial.key: trial.ended for trial in record.trials}


def test_a_study_runs_every_trial_and_only_missing_ones_when_repeated(
    plan_values: dict[str, Any], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    plan, out = written(plan_values, tmp_path), tmp_path / "study"
    first = study(plan, out=out, heartbeat=QUICK)
    assert states(first) == {("random", 0): "done", ("block", 0): "done"}
    trial = first.trials[0]
    assert {"knn top1", "psnr random 0.75"} <= trial.numbers.keys()
    random_weights = first.floors["block"]["knn top1"]
    assert first.floors["random"]["knn top1"] == random_weights, "arms of one shape share them"
    assert 0 <= random_weights["low"] <= random_weights["value"] <= random_weights["high"] <= 1
    assert trial.compute is not None
    assert trial.compute.steps == 2
    assert trial.settings["split"] == "train"
    assert (trial.commit, trial.hardware, trial.run) != (None, None, None)
    assert (out / "report.html").exists()
    assert StudyRecord.load(out / "study.json") == first
    again = study(plan, out=out, heartbeat=QUICK)
    assert ended(again) == ended(first), "finished trials are not run again"
    more = study(plan, out=out, heartbeat=QUICK, seeds="0,1")
    assert states(more) == dict.fromkeys(
        [("random", 0), ("block", 0), ("random", 1), ("block", 1)], "done"
    )
    assert {key: value for key, value in ended(more).items() if key[1] == 0} == ended(first)
    (out / "ledger.db").unlink()
    fewer = study(plan, out=out, heartbeat=QUICK, rebuild=True)
    assert ended(fewer) == ended(more), "the folders are the truth"
    assert "begun with more seeds, and they stay: 1. To end with fewer" in caplog.text


def test_a_failing_trial_is_recorded_and_the_others_go_on(
    plan_values: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails_under_block(run: maskwright.Run, *rest: Any) -> Any:
        if "block" in str(run.settings.mask.policy):
            raise RuntimeError("the lamp went out")
        return measure_run(run, *rest)

    plan, out = written(plan_values, tmp_path), tmp_path / "study"
    with monkeypatch.context() as patch:
        patch.setattr("maskwright.studies.trial.measure_run", fails_under_block)
        record = study(plan, out=out, heartbeat=QUICK)
    assert states(record) == {("random", 0): "done", ("block", 0): "failed"}
    assert record.trials[1].error == "RuntimeError: the lamp went out"
    assert states(study(plan, out=out, heartbeat=QUICK)) == states(record), (
        "failures are not tried again unasked"
    )
    mended = study(plan, out=out, heartbeat=QUICK, retry_failed=True)
    assert states(mended) == {("random", 0): "done", ("block", 0): "done"}
    assert mended.trials[0] == record.trials[0]


def test_a_study_of_which_every_trial_failed_has_no_answer_and_says_so(
    plan_values: dict[str, Any],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def fails(run: maskwright.Run, *rest: Any) -> Any:
        raise MaskwrightError(f"The lamp of {run.settings.mask.policy} went out.")

    monkeypatch.setattr("maskwright.studies.trial.measure_run", fails)
    out = tmp_path / "study"
    assert main(["study", str(written(plan_values, tmp_path)), "--out", str(out)]) == 2
    said = capsys.readouterr().err
    assert (
        "All 2 trials failed, so the study has no answer: The lamp of random went out. (and 1"
        f" other reason) Mend it and run them again: maskwright study {out}/plan.yaml --out {out}"
        " --retry-failed" in " ".join(said.split())
    )
    assert (out / "report.html").exists(), "what failed is written down all the same"
    assert {trial.state for trial in StudyRecord.load(out / "study.json").trials} == {"failed"}


def test_an_arm_that_cannot_be_is_refused_before_anything_is_written(
    plan_values: dict[str, Any], tmp_path: Path
) -> None:
    plan = written(plan_values, tmp_path, arms={"random": {}, "typo": {"policy": "rondom"}})
    with pytest.raises(MaskwrightError, match=r"Arm .typo.: .*Did you mean .random."):
        study(plan, out=tmp_path / "study")
    assert not (tmp_path / "study").exists(), (
        "a folder with the mistaken plan would refuse the mended one"
    )


def test_an_arm_without_its_weights_is_left_out_with_the_reason_and_the_others_go_on(
    plan_values: dict[str, Any],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr("maskwright.weights.vgg.imagenet_state", _no_weights)
    loss = "mse + perceptual(extractor='vgg16', layers=['relu1_2'])"
    plan, out = (
        written(plan_values, tmp_path, arms={"pixels": {}, "features": {"loss": loss}}),
        tmp_path / "study",
    )
    caplog.set_level(logging.INFO, "maskwright")
    record = study(plan, reporter=LogReporter(visible=False), out=out, heartbeat=QUICK)
    assert "1 of 2 trials failed" not in caplog.text, "an arm that was not tried is no failure"
    assert "Left out, for lack of weights or packages: features" in caplog.text
    assert states(record) == {("pixels", 0): "done", ("features", 0): "failed"}
    assert record.trials[1].error == "Fetch the weights."
    assert json.loads((out / "lengths.json").read_text())["features"] == {
        "not at hand": "Fetch the weights."
    }


def _no_weights(*_: Any) -> Any:
    raise NotAvailable("Fetch the weights.")


def test_equal_arms_come_out_equal_and_the_matrix_has_every_pair(
    plan_values: dict[str, Any], tmp_path: Path
) -> None:
    measuring = {**plan_values["evaluate"], "cross": True, "masks": ["random 0.75", "grid 0.75"]}
    plan = written(plan_values, tmp_path, arms={"one": {}, "two": {}}, evaluate=measuring)
    record = study(plan, out=tmp_path / "study", heartbeat=QUICK)
    one, two = (trial.numbers for trial in record.trials)
    assert one == two, "two arms of the same settings differ in nothing"
    assert {"psnr of masks by one", "psnr of masks by two"} <= one.keys()
    weights = [
        torch.load(tmp_path / "study" / str(trial.run) / "checkpoints" / "last.ckpt")["state_dict"]
        for trial in record.trials
    ]
    assert all(torch.equal(value, weights[1][name]) for name, value in weights[0].items())


@pytest.mark.slow
def test_a_worker_killed_with_kill_9_loses_nothing_and_nothing_runs_twice(
    plan_values: dict[str, Any], tmp_path: Path
) -> None:
    plan, out = written(plan_values, tmp_path, budget={"steps": 40}, seeds=1), tmp_path / "study"
    joined = join_plan(read_plan(plan), out)
    keep_plan(joined, out)
    values = joined.written
    assert build_plan(values, "tiny").keys == [("random", 0), ("block", 0)]
    job = Job(
        folder=out, lengths={"random": {"steps": 10}, "block": {"steps": 40}}, heartbeat=QUICK
    )
    with job.open(build_plan(values, "tiny")) as ledger:
        ledger.enqueue([("random", 0), ("block", 0)])
    worker = WarmProcess(work_alone, job, folder=tmp_path)
    run = out / "trials" / "1-block-seed0" / "run"
    deadline = time.monotonic() + 200
    while not (run / "checkpoints" / "last.ckpt").exists():
        assert time.monotonic() < deadline
        assert worker.is_alive, worker.said()
        time.sleep(0.05)
    kept = (out / "trials" / "0-random-seed0" / "trial.json").read_bytes()
    worker.send_signal(signal.SIGKILL)
    assert worker.wait() == -signal.SIGKILL
    with job.open(build_plan(values, "tiny")) as ledger:
        assert [record.state for record in ledger.records()] == ["done", "running"]
    threads = torch.get_num_threads()
    work_alone(job)
    torch.set_num_threads(threads)
    with job.open(build_plan(values, "tiny")) as ledger:
        assert [record.state for record in ledger.records()] == ["done", "done"]
    assert (out / "trials" / "0-random-seed0" / "trial.json").read_bytes() == kept
    assert "Going on with" in (run / "train.log").read_text(), (
        "the killed training goes on from its last checkpoint"
    )
    assert json.loads((run / "run.json").read_text())["step"] == 40
    with sqlite3.connect(out / "ledger.db") as database:
        by_state = dict(
            database.execute("select state, count(*) from trials group by state").fetchall()
        )
    database.close()
    assert by_state == {"COMPLETE": 2, "FAIL": 1}, "the killed attempt, and each trial once"


@pytest.mark.slow
def test_two_workers_share_a_study_from_the_command_line(
    pictures: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = [f"--{name.replace('_', '-')}={value}" for name, value in BASE.items()]
    how = [
        "--policies",
        "random,block(size=2)",
        "--seeds",
        "1",
        "--budget",
        "steps=2",
        "--workers",
        "2",
    ]
    measured = ["--probes", "knn", "--masks", "random 0.75", "--pictures", "8", "--no-cross"]
    done = main(
        ["compare", str(pictures), *how, *measured, "--out", str(tmp_path / "study"), *words]
    )
    said = capsys.readouterr()
    assert done == 0, said.err
    assert "matched at 2 steps" in said.out
    assert "no verdict: 1 seed" in said.out
    record = StudyRecord.load(tmp_path / "study" / "study.json")
    assert [trial.state for trial in record.trials] == ["done"] * 2


def test_what_an_arm_costs_is_told_without_running_it(
    plan_values: dict[str, Any], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert (
        main(
            [
                "study",
                str(written(plan_values, tmp_path)),
                "--dry-run",
                "--out",
                str(tmp_path / "study"),
            ]
        )
        == 0
    )
    said = capsys.readouterr().out
    assert "teacher tokens" in said
    assert "Is block better than random?  (2 arms, 1 seed, matched at" in said
    assert not (tmp_path / "study").exists(), "a dry run binds no folder to its plan"


def test_seeds_and_budget_on_the_command_line_stand_for_the_plans_own(
    plan_values: dict[str, Any], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    plan, out = str(written(plan_values, tmp_path)), tmp_path / "study"
    assert (
        main(["study", plan, "--seeds", "2", "--budget", "steps=3", "--dry-run", "--out", str(out)])
        == 0
    )
    assert "2 arms, 2 seeds, matched at 3 steps" in capsys.readouterr().out
    longer = read_plan(written(plan_values, tmp_path, budget={"steps": 3.0}, seeds=2))
    keep_plan(join_plan(longer, out), out)
    plan = str(written(plan_values, tmp_path))
    assert (
        main(["study", plan, "--seeds", "2", "--budget", "steps=3", "--dry-run", "--out", str(out)])
        == 0
    )
    assert main(["study", plan, "--dry-run", "--out", str(out)]) == 2
    assert "holds a study that differs in budget" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--budget", "step=3"], "Unknown currency of a budget 'step'. Did you mean 'steps'?"),
        (
            ["--budget", "3"],
            "A budget is one currency and an amount, such as steps=1000 or flops=1e13; got '3'",
        ),
        (["--budget", "flops=many"], "The amount of a budget is a number; got flops=many"),
        (["--seeds", "0"], "needs one seed or more"),
    ],
)
def test_a_mistaken_budget_or_seed_is_told_before_anything_is_written(
    plan_values: dict[str, Any],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    words: list[str],
    message: str,
) -> None:
    assert (
        main(
            ["study", str(written(plan_values, tmp_path)), *words, "--out", str(tmp_path / "study")]
        )
        == 2
    )
    assert message in capsys.readouterr().err
    assert not (tmp_path / "study").exists()


def test_an_unknown_way_of_running_is_answered_with_the_nearest_known_one(
    plan_values: dict[str, Any], tmp_path: Path
) -> None:
    with pytest.raises(MaskwrightError, match=r"no setting 'worker'. Did you mean 'workers'"):
        study(written(plan_values, tmp_path), worker=2)


@pytest.mark.slow
def test_a_worker_whose_starter_was_killed_takes_no_trial(
    plan_values: dict[str, Any], tmp_path: Path
) -> None:
    """The starter is really dead; that a worker takes these trials while its starter lives is seen
    in the test of kill -9.
    """
    joined = join_plan(read_plan(written(plan_values, tmp_path)), tmp_path / "study")
    keep_plan(joined, tmp_path / "study")
    values = joined.written
    plan = build_plan(values, "tiny")
    steps = {"steps": 2}
    job = Job(folder=tmp_path / "study", lengths={"random": steps, "block": steps}, heartbeat=QUICK)
    with job.open(plan) as ledger:
        ledger.enqueue(plan.keys)
    starter = get_context("spawn").Process(target=start_worker, args=(job, tmp_path))
    starter.start()
    wait_for(tmp_path / "lives")
    starter.kill()
    starter.join()
    (tmp_path / "killed").touch()
    wait_for(tmp_path / "ended")
    assert (tmp_path / "ended").read_text() == "0"
    with job.open(plan) as ledger:
        assert {record.state for record in ledger.records()} == {"waiting"}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("number", "changes", "before", "after"),
    [
        (signal.SIGTERM, {"budget": {"steps": 100_000}}, "running", "stopped"),
        (signal.SIGUSR1, {"budget": {"steps": 100_000}}, "running", "stopped"),
        # A finished training is measured next, here for hours.
        (signal.SIGTERM, {"evaluate": ENDLESS}, "finished", "finished"),
    ],
    ids=["training", "training, by a scheduler", "measuring"],
)
def test_a_study_that_is_terminated_ends_its_workers_and_gives_their_trials_back(
    plan_values: dict[str, Any],
    tmp_path: Path,
    number: int,
    changes: dict[str, Any],
    before: str,
    after: str,
) -> None:
    """A scheduler and `kill` send a signal to one process alone, whose workers would train on."""
    plan, out = written(plan_values, tmp_path, **changes), tmp_path / "study"
    words = (str(plan), "--out", str(out), "--workers", "2")
    with warm_command(tmp_path, "study", *words) as process:
        runs = [out / "trials" / name / "run" for name in ("0-random-seed0", "1-block-seed0")]
        for run in runs:
            wait_for(run / "metrics.jsonl")
            wait_for_state(run, before)
        process.send_signal(number)
        assert process.wait() == 130, process.said()
    # At once: nobody waits until the workers count as silent.
    with Ledger.open(out, "tiny") as ledger:
        assert {record.state for record in ledger.records()} == {"waiting"}
    assert [state_of(run) for run in runs] == [after, after]
