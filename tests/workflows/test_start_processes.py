"""Processes that cannot train together are refused in a sentence, and launchers are understood."""

from __future__ import annotations

import pytest

from maskwright.support.errors import MaskwrightError
from maskwright.support.variables import Launch, find_launch, first_host
from maskwright.training.group import Group
from maskwright.workflows.settings.pretrain_options import PretrainOptions
from maskwright.workflows.settings.pretrain_settings import PretrainSettings
from maskwright.workflows.training.start_processes import check_can_start, check_count, launch_count

LAUNCHER_WORDS = ("RANK", "WORLD_SIZE", "LOCAL_RANK", "MASTER_ADDR", "MASTER_PORT")
SRUN = {
    "SLURM_NTASKS": "8",
    "SLURM_PROCID": "5",
    "SLURM_LOCALID": "1",
    "SLURM_STEP_ID": "0",
    "SLURM_JOB_ID": "1230042",
    "SLURM_JOB_NODELIST": "gpu[03-04,07],big1",
}


def settings(**values: object) -> PretrainSettings:
    return PretrainSettings.from_flat({"data": "photos", **values})


def test_what_cannot_be_started_here_is_a_sentence() -> None:
    with pytest.raises(MaskwrightError, match="srun or torchrun"):
        check_can_start(settings(nodes=2))
    with pytest.raises(MaskwrightError, match="torchrun --nproc-per-node 3"):
        check_can_start(settings(data="python", devices=3))
    check_can_start(settings(devices=3))
    check_can_start(settings(data="python"))


def test_a_launcher_must_start_as_many_processes_as_are_asked_for() -> None:
    run = settings(devices=4, nodes=2).run
    check_count(run, Group(0, 8, 0))
    with pytest.raises(MaskwrightError, match=r"started 4 processes.*asks for 8"):
        check_count(run, Group(0, 4, 0))


def test_a_run_that_names_no_number_takes_what_the_launcher_has_started() -> None:
    four_on_two, begun = Launch(0, 4, 0, "a", 1, nodes=2), PretrainOptions()
    assert launch_count(four_on_two, begun, {"data": "x"}) == {"devices": 2, "nodes": 2}
    assert launch_count(Launch(0, 4, 0, "a", 1), begun, {}) == {"devices": 4, "nodes": 1}
    # Three processes on two machines.
    assert launch_count(Launch(0, 3, 0, "a", 1, nodes=2), begun, {}) == {"devices": 3}
    # What was asked for stays, and so does what a run began with.
    for name in ("devices", "nodes"):
        assert launch_count(four_on_two, begun, {name: 1}) == {}
        assert launch_count(four_on_two, PretrainOptions(assignments=[f"run.{name}=1"]), {}) == {}
    assert launch_count(four_on_two, PretrainOptions(resume=True), {}) == {}


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ({}, None),
        # A single process, as some launchers start it.
        ({"RANK": "0", "WORLD_SIZE": "1", "MASTER_ADDR": "a", "MASTER_PORT": "1"}, None),
        (
            {"RANK": "3", "WORLD_SIZE": "4", "LOCAL_RANK": "1", "MASTER_ADDR": "a"}
            | {"MASTER_PORT": "29500"},
            Launch(3, 4, 1, "a", 29500),
        ),
        (
            {"RANK": "3", "WORLD_SIZE": "4", "LOCAL_RANK": "1", "MASTER_ADDR": "a"}
            | {"MASTER_PORT": "29500", "TORCHELASTIC_USE_AGENT_STORE": "True"},
            Launch(3, 4, 1, "a", None),
        ),
        # Two machines with two processes each.
        (
            {"RANK": "3", "WORLD_SIZE": "4", "LOCAL_RANK": "1", "MASTER_ADDR": "a"}
            | {"MASTER_PORT": "29500", "LOCAL_WORLD_SIZE": "2"},
            Launch(3, 4, 1, "a", 29500, nodes=2),
        ),
        (SRUN | {"SLURM_STEP_NUM_NODES": "4"}, Launch(5, 8, 1, "gpu03", 15_042, nodes=4)),
        (SRUN, Launch(5, 8, 1, "gpu03", 15_042)),
        # A batch script itself is one process, whatever it has reserved.
        ({name: value for name, value in SRUN.items() if name != "SLURM_STEP_ID"}, None),
    ],
)
def test_launchers_are_understood(
    monkeypatch: pytest.MonkeyPatch, words: dict[str, str], expected: Launch | None
) -> None:
    for name in (*LAUNCHER_WORDS, *SRUN, "LOCAL_WORLD_SIZE", "SLURM_STEP_NUM_NODES"):
        monkeypatch.delenv(name, raising=False)
    for name, value in words.items():
        monkeypatch.setenv(name, value)
    assert find_launch() == expected


@pytest.mark.parametrize(
    ("nodes", "first"),
    [("node3", "node3"), ("a1,a2", "a1"), ("n[007-012]", "n007"), ("x,n[1-2]", "x")],
)
def test_the_first_host_of_a_job_is_found(nodes: str, first: str) -> None:
    assert first_host(nodes) == first
