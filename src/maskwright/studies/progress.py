"""How far a study is: trials done, the trial that runs, and a guess at when all are done."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from maskwright.studies.plan import StudyPlan
from maskwright.studies.record import TrialRecord
from maskwright.support.reporting import Reporter, log
from maskwright.training.recorder import format_time


class StudyProgress:
    """Speaks for a trial that runs inside a study: its sentences go to the log, its progress
    becomes a part of the study's.
    """

    def __init__(
        self, reporter: Reporter, plan: StudyPlan, records: Sequence[TrialRecord], what: str
    ) -> None:
        self._reporter, self._what = reporter, what
        self._total = len(plan.keys)
        ended = [record for record in records if record.state in ("done", "failed")]
        self._ended, self._each = len(ended), _mean_seconds(ended)
        self._running = sum(record.state == "running" for record in records)
        self._mark = {metric.name: metric for metric in plan.measures.metrics() if metric.main}

    def say(self, text: str) -> None:
        log.info(text)

    def warn(self, text: str) -> None:
        self._reporter.warn(f"{self._what}: {text}")

    def progress(self, label: str, done: float, total: float, detail: str) -> None:
        """Progress of one step of the trial; only its training moves the bar."""
        share = done / max(total, 1e-9) if label == "pretrain" else 0.0
        self._reporter.progress(
            "study",
            self._ended + share,
            self._total,
            f"{self._told_so_far()}; {self._what}: {detail or label}",
        )

    def show(self, begun: float = 0.0) -> None:
        """Progress of workers that run elsewhere; begun: how many trials their unfinished trainings
        amount to.
        """
        detail = f"{self._told_so_far()}; {self._running} running by {self._what}"
        self._reporter.progress("study", self._ended + begun, self._total, detail)

    def finish(self) -> None:
        """The trial's steps end silently; the study's bar goes on."""

    def told(self, record: TrialRecord) -> None:
        """Say in a line how a trial ended."""
        self._reporter.finish()
        if record.state == "failed":
            self._reporter.warn(f"{record.arm}, seed {record.seed} failed: {record.error}")
            return
        numbers = "  ".join(f"{name} {value:.3f}" for name, value in record.numbers.items())
        self._reporter.say(f"{record.arm}, seed {record.seed}: {numbers}")

    def _told_so_far(self) -> str:
        left = self._total - self._ended
        ahead = (
            f", about {format_time(left * self._each / max(1, self._running))} left"
            if self._each
            else ""
        )
        return f"trial {min(self._ended + 1, self._total)} of {self._total}{ahead}"


class QuietStream:
    """Lets warnings and progress through and keeps the rest to the log, where parts of a study
    would repeat themselves.
    """

    def __init__(self, reporter: Reporter) -> None:
        self._reporter = reporter

    def say(self, text: str) -> None:
        log.info(text)

    def warn(self, text: str) -> None:
        self._reporter.warn(text)

    def progress(self, label: str, done: float, total: float, detail: str) -> None:
        self._reporter.progress(label, done, total, detail)

    def finish(self) -> None:
        self._reporter.finish()


def _mean_seconds(records: Sequence[TrialRecord]) -> float | None:
    spans = [
        (
            datetime.fromisoformat(record.ended) - datetime.fromisoformat(record.started)
        ).total_seconds()
        for record in records
        if record.state == "done" and record.started and record.ended
    ]
    return sum(spans) / len(spans) if spans else None
