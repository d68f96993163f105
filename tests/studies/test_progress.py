"""What parts of a study say to the person at the screen."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import pytest

from maskwright.studies.plan import plan_policies
from maskwright.studies.progress import QuietStream, RunningTrial, StudyProgress
from maskwright.studies.record import TrialRecord
from maskwright.studies.running_trials import look_at_running
from maskwright.studies.trial import trial_folder
from maskwright.support.reporting import LogReporter
from tests.studies.synthetic import synthetic_trial


class Listener(LogReporter):
    """Keeps warnings and sentences."""

    def __init__(self) -> None:
        super().__init__(visible=False)
        self.warned: list[str] = []
        self.said: list[str] = []
        self.shown: list[tuple[float, str]] = []

    def say(self, text: str) -> None:
        self.said.append(text)

    def warn(self, text: str) -> None:
        self.warned.append(text)

    def progress(self, label: str, done: float, total: float, detail: str) -> None:
        self.shown.append((done, detail))


def test_arms_of_the_same_data_warn_of_the_same_once() -> None:
    listener = Listener()
    quiet = QuietStream(listener)
    for text in ("few pictures", "few pictures", "another", "few pictures"):
        quiet.warn(text)
        quiet.say("what was found")
    assert listener.warned == ["few pictures", "another"]
    assert listener.said == []


def test_trials_of_the_same_pictures_warn_of_the_same_once() -> None:
    listener = Listener()
    plan = plan_policies("photos", "random,grid")
    warned: set[str] = set()
    for seed in (0, 1):
        progress = StudyProgress(listener, plan, [], f"random, seed {seed}", warned)
        progress.warn("3 test pictures have been seen")
        progress.warn(f"loss of seed {seed} was not a number")
    assert listener.warned == [
        "random, seed 0: 3 test pictures have been seen",
        "random, seed 0: loss of seed 0 was not a number",
        "random, seed 1: loss of seed 1 was not a number",
    ]


PLAN = plan_policies("photos", "random,grid", seeds=2)


def running(arm: str, seed: int) -> TrialRecord:
    return TrialRecord(study=PLAN.name, arm=arm, seed=seed, state="running")


def begin_run(folder: Path, record: TrialRecord, step: int, loss: float = 0.5) -> None:
    """A run folder in the middle of its training of 100 steps."""
    run = trial_folder(folder, PLAN, record.arm, record.seed) / "run"
    run.mkdir(parents=True)
    (run / "config.yaml").write_text("{}")
    status = {"state": "running", "total_steps": 100, "step": 0, "baselines": {"patch_mean": 0.9}}
    (run / "run.json").write_text(json.dumps(status))
    (run / "metrics.jsonl").write_text(json.dumps({"step": step, "loss": loss}) + "\n")


@pytest.mark.parametrize(
    ("step", "words", "share"),
    [
        (0, "random, seed 1: step 0 of 100, loss 0.500 (patch mean 0.900)", 0.0),
        (40, "random, seed 1: step 40 of 100, loss 0.500 (patch mean 0.900)", 0.4),
        (100, "random, seed 1: trained, is measured", 1.0),
    ],
)
def test_a_trial_of_another_process_tells_how_far_it_is(
    tmp_path: Path, step: int, words: str, share: float
) -> None:
    record = running("random", 1)
    begin_run(tmp_path, record, step)
    assert look_at_running(PLAN, tmp_path, record) == RunningTrial(words, share)


def test_a_trial_on_another_machine_has_a_name_alone(tmp_path: Path) -> None:
    assert look_at_running(PLAN, tmp_path, running("grid", 0)) == RunningTrial("grid, seed 0")


def test_the_time_that_is_left_shrinks_while_trials_train() -> None:
    ended = synthetic_trial("random", 0, 0.0)  # a minute of training in a minute by the clock
    ended = dataclasses.replace(ended, study=PLAN.name, state="done")
    records = [ended, running("random", 1), running("grid", 0)]
    listener = Listener()
    progress = StudyProgress(listener, PLAN, records, "2 workers")
    progress.show([RunningTrial("random, seed 1: begins"), RunningTrial("grid, seed 0: begins")])
    progress.show([RunningTrial("a", 0.5), RunningTrial("b", 0.5)])
    progress.show([RunningTrial(name, 0.5) for name in "abc"])
    assert listener.shown == [
        (1.0, "trial 2 of 4, about 1m30s left; random, seed 1: begins; grid, seed 0: begins"),
        (2.0, "trial 2 of 4, about 1m00s left; a; b"),
        (2.5, "trial 2 of 4, about 45s left; 2 running by 2 workers"),
    ]
