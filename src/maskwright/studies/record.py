"""What a study leaves behind: a record per trial and one of the whole, as JSON."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from maskwright.support.errors import MaskwrightError
from maskwright.support.files import read_json, write_json

TRIAL_STATES = ("waiting", "running", "done", "failed")
CURRENCIES = ("steps", "images", "tokens", "flops", "minutes")
FORMAT = 1
"""The form of study.json; it grows when an older version could no longer read the file."""


@dataclass(frozen=True, kw_only=True)
class Compute:
    """What one trial spent, or will spend, in every currency.

    Tokens are of whole batches in every step, backward passes not counted.

    steps: optimizer steps.
    images: pictures shown, with repetitions.
    encoder_tokens, decoder_tokens, teacher_tokens: tokens that went through each part.
    flops: operations of forward, backward and teacher passes; None: not counted.
    seconds: time on the clock; None: not run yet.
    """

    steps: int
    images: int
    encoder_tokens: int
    decoder_tokens: int
    teacher_tokens: int = 0
    flops: float | None = None
    seconds: float | None = None

    @property
    def tokens(self) -> int:
        """Tokens of encoder, decoder and teacher together."""
        return self.encoder_tokens + self.decoder_tokens + self.teacher_tokens

    def amount(self, currency: str) -> float | None:
        """How much of one of CURRENCIES."""
        assert currency in CURRENCIES, currency
        # Kept in seconds, as the clock of a run counts.
        if currency == "minutes":
            return None if self.seconds is None else self.seconds / 60
        # The other currencies are fields or properties of that name.
        return getattr(self, currency)


@dataclass(frozen=True, kw_only=True)
class Metric:
    """One number that trials are compared by, as study.json keeps it.

    name: its key in the numbers of trials, such as `linear top1`.
    larger_is_better: its direction.
    unit: what it is counted in, or nothing.
    where: what it was measured on.
    main: whether it is the one metric whose verdicts are claims.
    """

    name: str
    larger_is_better: bool
    unit: str = ""
    where: str = ""
    main: bool = False

    @property
    def title(self) -> str:
        """Its name with its unit."""
        return f"{self.name} ({self.unit})" if self.unit else self.name

    @property
    def direction(self) -> str:
        """Which way is better, in words."""
        return f"{'larger' if self.larger_is_better else 'smaller'} is better"


@dataclass(frozen=True, kw_only=True)
class Arm:
    """One variant of a study.

    name: what tables call it.
    settings: the settings of pretrain in which it differs from the plan's base.
    levels: its place in a factorial design, factor -> level.
    select: the settings of its scorer, in a study of scorers.
    """

    name: str
    settings: Mapping[str, Any]
    levels: Mapping[str, Any] = field(default_factory=dict)
    select: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class TrialRecord:
    """One arm under one seed.

    state: one of TRIAL_STATES.
    numbers: metric name -> value.
    per_image: metric name -> text of 0 and 1, right or wrong per test picture in one order for all
        trials.
    run: the run folder, relative to the study's folder.
    error: the sentence of what went wrong.
    settings: the complete settings of its training.
    versions, commit, hardware: what it was made with.
    started, ended: times in ISO format.
    """

    study: str
    arm: str
    seed: int
    state: str
    # known once the trial has ended
    numbers: Mapping[str, float] = field(default_factory=dict)
    per_image: Mapping[str, str] = field(default_factory=dict)
    compute: Compute | None = None
    run: str | None = None
    error: str | None = None
    # what somebody needs to repeat the trial
    settings: Mapping[str, Any] = field(default_factory=dict)
    versions: Mapping[str, str] = field(default_factory=dict)
    commit: str | None = None
    hardware: str | None = None
    started: str | None = None
    ended: str | None = None

    def __post_init__(self) -> None:
        assert self.state in TRIAL_STATES, self.state

    @property
    def key(self) -> tuple[str, int]:
        """What tells a trial from the others of its study."""
        return self.arm, self.seed

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return dataclasses.asdict(self)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> TrialRecord:
        """Rebuild from `to_dict`."""
        # A trial that waits or failed has spent nothing that is known.
        compute = values.get("compute")
        return cls(**{**values, "compute": None if compute is None else Compute(**compute)})


@dataclass(frozen=True, kw_only=True)
class StudyRecord:
    """A whole study: its question, its design and all its trials, waiting ones too.

    arms: the variants in the order of the plan.
    seeds: every arm is trained once under each.
    metrics: what arms are compared by, one of them the main metric.
    plan: the plan file as it was read.
    baseline: the arm that the others are compared with.
    budget: {currency, amount} or None.
    floors: arm -> metric -> value, low and high of random weights of its shape, where they were
        measured.
    votes: the results of a vote by people about the arms, where there was one.
    """

    name: str
    question: str
    plan: Mapping[str, Any]
    arms: Sequence[Arm]
    baseline: str
    seeds: Sequence[int]
    metrics: Sequence[Metric]
    trials: Sequence[TrialRecord]
    budget: Mapping[str, Any] | None = None
    # measured after the trials, and not by all versions
    floors: Mapping[str, Mapping[str, Mapping[str, float]]] = field(default_factory=dict)
    votes: Mapping[str, Any] = field(default_factory=dict)

    def arm(self, name: str) -> Arm:
        """The arm of that name."""
        return next(arm for arm in self.arms if arm.name == name)

    def finished(self, arm: str | None = None) -> list[TrialRecord]:
        """The trials that are done, of one arm or of all."""
        return [
            trial for trial in self.trials if trial.state == "done" and arm in (None, trial.arm)
        ]

    def silent(self) -> list[str]:
        """Arms of which no trial has finished."""
        return [arm.name for arm in self.arms if not self.finished(arm.name)]

    def numbers(self, metric: str, arm: str) -> dict[int, float]:
        """One metric of one arm by seed, of the trials that have it."""
        # A probe may not have every number, so a trial may lack a metric.
        return {
            trial.seed: trial.numbers[metric]
            for trial in self.finished(arm)
            if metric in trial.numbers
        }

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON, with the number of the format."""
        values = dataclasses.asdict(self)
        # Earlier versions read a record that quotes no vote.
        if not self.votes:
            del values["votes"]
        return {"format": FORMAT, **values}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> StudyRecord:
        """Rebuild from `to_dict`; raises MaskwrightError for a record of another format."""
        # A copy, because the format is taken out of it.
        fields = dict(values)
        if fields.pop("format", None) != FORMAT:
            raise MaskwrightError(
                f"This study record is of format {values.get('format')}; this version reads"
                f" {FORMAT}. Run the study again."
            )
        # JSON knows no tuples and no classes: what was nested is built again, so that a record that
        # was loaded equals the one that was saved.
        fields["arms"] = tuple(Arm(**arm) for arm in fields["arms"])
        fields["metrics"] = tuple(Metric(**metric) for metric in fields["metrics"])
        fields["trials"] = tuple(TrialRecord.from_dict(trial) for trial in fields["trials"])
        fields["seeds"] = tuple(fields["seeds"])
        return cls(**fields)

    def save(self, path: Path | str) -> None:
        """Write study.json."""
        write_json(path, self.to_dict())

    @classmethod
    def load(cls, path: Path | str) -> StudyRecord:
        """Read study.json."""
        return cls.from_dict(read_json(path))


AnyRecord = TypeVar("AnyRecord", bound=StudyRecord)
"""A record or what a study returns: a function that adds to it gives back the same kind."""
