"""One works, the others wait and say so; a file system that cannot lock, or refuses, is no
traceback.
"""

from __future__ import annotations

import errno
import logging
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from maskwright.data.store.lock import exclusive
from maskwright.support.errors import MaskwrightError

HOLD = """
import sys, time
from pathlib import Path
import fcntl
from maskwright.data.store.lock import exclusive
if sys.argv[2] == "soft":
    def refuse(*_): raise OSError(37, "No locks available")
    fcntl.flock = refuse
with exclusive(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(float(sys.argv[3]))
"""


def refuse_locks(monkeypatch: pytest.MonkeyPatch, number: int) -> None:
    """A file system on which taking a lock fails."""

    def refuse(*_: int) -> None:
        raise OSError(number, "No locks available")

    monkeypatch.setattr("fcntl.flock", refuse)


def hold_elsewhere(path: Path, kind: str, seconds: float) -> subprocess.Popen[str]:
    """Another process that holds the lock."""
    other = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(path), kind, str(seconds)],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert other.stdout is not None
    assert other.stdout.readline() == "held\n"
    return other


@pytest.mark.parametrize("kind", ["hard", "soft"])
def test_a_second_process_waits_and_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, kind: str
) -> None:
    if kind == "soft":
        refuse_locks(monkeypatch, errno.ENOLCK)
    with hold_elsewhere(tmp_path / ".lock", kind, 1.0) as other:
        began = time.monotonic()
        with caplog.at_level(logging.WARNING), exclusive(tmp_path / ".lock"):
            assert time.monotonic() - began > 0.5
            assert other.wait(5) == 0
    assert f"another process works in {tmp_path}; waiting for it" in caplog.text


@pytest.mark.parametrize("kind", ["hard", "soft"])
def test_a_holder_that_was_killed_is_not_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    if kind == "soft":
        refuse_locks(monkeypatch, errno.ENOSYS)
    with hold_elsewhere(tmp_path / ".lock", kind, 60) as other:
        other.kill()
        other.wait(5)
    done = threading.Event()

    def work() -> None:
        with exclusive(tmp_path / ".lock"):
            done.set()

    threading.Thread(target=work, daemon=True).start()
    assert done.wait(10)


@pytest.mark.parametrize("number", [errno.ENOSYS, errno.ENOLCK, errno.EOPNOTSUPP])
def test_a_file_system_without_locks_is_worked_on_one_at_a_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    refuse_locks(monkeypatch, number)
    inside, most = 0, 0

    def work() -> None:
        nonlocal inside, most
        with exclusive(tmp_path / ".lock"):
            inside += 1
            most = max(most, inside)
            time.sleep(0.05)
            inside -= 1

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert (most, inside) == (1, 0)
    assert not list(tmp_path.glob("*.held"))


@pytest.mark.parametrize("number", [errno.EROFS, errno.EIO])
def test_a_refused_lock_is_a_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    refuse_locks(monkeypatch, number)
    with (
        pytest.raises(MaskwrightError, match=r"Could not lock .*choose --out"),
        exclusive(tmp_path / "x"),
    ):
        pass


def test_a_cache_that_cannot_be_made_names_the_variable(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("MASKWRIGHT_CACHE", str(tmp_path / "file" / "cache"))
    place = tmp_path / "file" / "cache" / "packed" / ".lock"
    with (
        pytest.raises(MaskwrightError, match=r"Cannot make the folder .*MASKWRIGHT_CACHE"),
        exclusive(place),
    ):
        pass
