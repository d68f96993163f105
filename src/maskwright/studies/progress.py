"""How far a study is: trials done, the trial that runs, and a guess at when all are done."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from maskwright.studies.plan import StudyPlan
from maskwright.studies.record import TrialRecord
from maskwright.support.count_progress import format_time
from maskwright.support.reporting import Reporter, log

_NAMED = 2
"""Trials of workers that a line names; of more it says how many there are."""


@dataclass(frozen=True)
class RunningTrial:
    """A trial on its way.

    words: which it is and how far, for a line of progress.
    share: how much of its training is done; 0 where its run is on another machine.
    """

    words: str
    share: float = 0.0


class StudyProgress:
    """The reporter of a trial that runs inside a study.

    Its sentences go to the log, and its progress becomes a part of the study's.
    """

    def __init__(
        self,
        reporter: Reporter,
        plan: StudyPlan,
        records: Sequence[TrialRecord],
        what: str,
        warned: set[str] | None = None,
    ) -> None:
        """Speak for one trial.

        what: the trial, or the workers, as the line names them.
        warned: warnings of earlier trials, which are not repeated; those of this one come in.
        """
        self._warned = set() if warned is None else warned
        self._reporter = reporter
        self._what = what
        self._total = len(plan.keys)
        # The mean time of those that have ended is the guess for those to come.
        ended = [record for record in records if record.state in ("done", "failed")]
        self._ended = len(ended)
        self._each = _mean_seconds(ended)
        self._training = _mean_training_seconds(ended)
        self._running = sum(record.state == "running" for record in records)
        # How far the training of this trial is.
        self._share = 0.0

    def say(self, text: str) -> None:
        log.info(text)

    def warn(self, text: str) -> None:
        # Trials of the same pictures warn of the same.
        if text in self._warned:
            log.info(text)
            return
        self._warned.add(text)
        self._reporter.warn(f"{self._what}: {text}")

    def progress(self, label: str, done: float, total: float, detail: str) -> None:
        """Progress of one step of the trial; only its training moves the bar."""
        # Decoding and measuring start at zero again, and leave the bar where the training was.
        if label == "pretrain":
            self._share = done / max(total, 1e-9)
        self._reporter.progress(
            "study",
            self._ended + self._share,
            self._total,
            f"{self._counts()}; {self._what}: {detail or label}",
        )

    def show(self, running: Sequence[RunningTrial] = ()) -> None:
        """Progress of workers that run elsewhere; running: their trials."""
        begun = sum(trial.share for trial in running)
        # More would not fit on a line.
        if 0 < len(running) <= _NAMED:
            words = "; ".join(trial.words for trial in running)
        else:
            words = f"{self._running} running by {self._what}"
        detail = f"{self._counts(begun)}; {words}"
        self._reporter.progress("study", self._ended + begun, self._total, detail)

    def finish(self) -> None:
        """The trial's steps end silently; the study's bar goes on."""

    def say_ended(self, record: TrialRecord) -> None:
        """Say in a line how a trial ended."""
        self._reporter.finish()
        if record.state == "failed":
            self._reporter.warn(f"{record.arm}, seed {record.seed} failed: {record.error}")
            return
        # Every metric in one line, the same for all trials.
        numbers = "  ".join(f"{name} {value:.3f}" for name, value in record.numbers.items())
        self._reporter.say(f"{record.arm}, seed {record.seed}: {numbers}")

    def _counts(self, begun: float = 0.0) -> str:
        """Which trial of how many, and the time that is left once a trial has ended.

        begun: how many trials the trainings that run amount to.
        """
        text = f"trial {min(self._ended + 1, self._total)} of {self._total}"
        if not self._each:
            return text
        left = (self._total - self._ended) * self._each - begun * self._training
        # Several workers share what is left.
        seconds = max(0.0, left) / max(1, self._running)
        return f"{text}, about {format_time(seconds)} left"


class QuietStream:
    """A reporter that lets progress and each warning through once and keeps the rest to the log.

    Parts of a study would repeat themselves otherwise: arms of the same data warn of the same.
    """

    def __init__(self, reporter: Reporter) -> None:
        self._reporter = reporter
        self._warned: set[str] = set()

    def say(self, text: str) -> None:
        log.info(text)

    def warn(self, text: str) -> None:
        if text not in self._warned:
            self._warned.add(text)
            self._reporter.warn(text)

    def progress(self, label: str, done: float, total: float, detail: str) -> None:
        self._reporter.progress(label, done, total, detail)

    def finish(self) -> None:
        self._reporter.finish()


def _mean_seconds(records: Sequence[TrialRecord]) -> float | None:
    """How long a trial took; None before one is done."""
    spans = []
    for record in records:
        # A failed trial ends early and would make the guess too short.
        if record.state == "done" and record.started and record.ended:
            start, end = map(datetime.fromisoformat, (record.started, record.ended))
            spans.append((end - start).total_seconds())
    return sum(spans) / len(spans) if spans else None


def _mean_training_seconds(records: Sequence[TrialRecord]) -> float:
    """How much of that is training, without probes and diagnostics; 0 where it is not known."""
    seconds = [
        record.compute.seconds
        for record in records
        if record.state == "done" and record.compute is not None and record.compute.seconds
    ]
    return sum(seconds) / len(seconds) if seconds else 0.0
