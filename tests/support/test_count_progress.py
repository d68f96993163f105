"""Counted work says how long it will still take, from the speed of this sitting alone."""

from __future__ import annotations

from maskwright.support.count_progress import CountProgress


class Lines:
    """A reporter that keeps what progress said."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def say(self, text: str) -> None:
        raise AssertionError(text)

    warn = say

    def progress(self, label: str, done: float, total: float, detail: str) -> None:
        self.lines.append(f"{label}: {detail}")

    def finish(self) -> None:
        pass


def shown(steps: list[tuple[float, int]], **options: float) -> list[str]:
    """What is shown of a work of 1,000 pictures; steps: seconds and how many are done then."""
    times = iter([0.0, *(seconds for seconds, _ in steps)])
    lines = Lines()
    progress = CountProgress(lines, "decode", clock=lambda: next(times), **options)
    for _, done in steps:
        progress.show(done, 1000)
    return lines.lines


def test_the_time_left_follows_from_the_speed_so_far() -> None:
    said = shown([(0, 0), (1, 50), (10, 250), (40, 1000)])
    assert said == [
        "decode: 0 of 1,000 pictures",
        "decode: 50 of 1,000 pictures",
        "decode: 250 of 1,000 pictures, 30s left",
        "decode: 1,000 of 1,000 pictures",
    ]


def test_what_an_earlier_sitting_has_done_makes_nothing_faster() -> None:
    assert shown([(0, 500), (10, 600)])[-1] == "decode: 600 of 1,000 pictures, 40s left"


def test_work_that_is_over_soon_is_not_shown() -> None:
    assert shown([(0, 0), (1, 1000)], hidden_seconds=2.0) == []
    assert len(shown([(0, 0), (3, 500)], hidden_seconds=2.0)) == 1
