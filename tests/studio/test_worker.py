"""Outdated work is dropped, newer work keeps its place, and too much is refused."""

from __future__ import annotations

import threading

import pytest

from maskwright.studio.worker import Busy, Outdated, Worker


@pytest.fixture
def gate():
    """A worker whose only thread is held until the gate opens, and the gate."""
    worker = Worker(most_waiting=3)
    opened, begun = threading.Event(), threading.Event()

    def hold() -> None:
        begun.set()
        opened.wait(10)

    worker.submit("held", hold)
    assert begun.wait(10)
    yield worker, opened
    opened.set()
    worker.close()


def test_what_was_painted_over_is_never_begun(gate) -> None:
    worker, opened = gate
    done: list[str] = []
    old = worker.submit("page fill", lambda: done.append("old"))
    other = worker.submit("other fill", lambda: done.append("other"))
    new = worker.submit("page fill", lambda: done.append("new"))
    opened.set()
    other.result(10)
    new.result(10)
    with pytest.raises(Outdated):
        old.result(10)
    # The newer one took the place of the old one in the queue.
    assert done == ["new", "other"]
    assert worker.dropped == 1


def test_a_mistake_reaches_who_asked_and_the_next_piece_is_done(gate) -> None:
    worker, opened = gate
    failed = worker.submit("a", lambda: 1 // 0)
    fine = worker.submit("b", lambda: 2)
    opened.set()
    with pytest.raises(ZeroDivisionError):
        failed.result(10)
    assert fine.result(10) == 2


def test_more_than_may_wait_are_asked_to_come_again(gate) -> None:
    worker, _ = gate
    for number in range(3):
        worker.submit(str(number), lambda: None)
    with pytest.raises(Busy, match="try again"):
        worker.submit("3", lambda: None)
    # Who waits already may ask anew.
    worker.submit("0", lambda: None)
    assert len(worker) == 3


def test_what_nobody_waits_for_is_passed_over(gate) -> None:
    worker, opened = gate
    done: list[int] = []
    gone = worker.submit("gone", lambda: done.append(1))
    gone.cancel()
    last = worker.submit("last", lambda: done.append(2))
    opened.set()
    last.result(10)
    assert done == [2]
