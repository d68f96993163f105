"""What a study leaves behind: one record per trial and one of the whole, plain values that go to
JSON and back.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from maskwright.support.errors import MaskwrightError
from maskwright.support.files import read_json, write_json

TRIAL_STATES = ("waiting", "running", "done", "failed")
CURRENCIES = ("steps", "images", "tokens", "flops", "minutes")
FORMAT = 1


@dataclass(frozen=True, kw_only=True)
class Compute:
    """What one trial spent, or will spend, in every currency; None: not known, because it was not
    counted or has not happened.

    Tokens are of whole batches in every step, backward passes not counted; flops counts forward,
    backward and teacher passes.
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
        if currency == "minutes":
            return None if self.seconds is None else self.seconds / 60
        return getattr(self, currency)


@dataclass(frozen=True, kw_only=True)
class Metric:
    """One number that trials are compared by: its name, its direction and where it comes from."""

    name: str
    larger_is_better: bool
    unit: str = ""
    where: str = ""
    main: bool = False


@dataclass(frozen=True, kw_only=True)
class Arm:
    """One variant of a study: a name and the settings in which it differs; levels: its place in a
    factorial design.
    """

    name: str
    settings: Mapping[str, Any]
    levels: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class TrialRecord:
    """One arm under one seed.

    numbers: metric name -> value.
    per_image: metric name -> text of 0 and 1, right or wrong per test picture in one order for all
        trials.
    run: the run folder, relative to the study's folder.
    error: the sentence of what went wrong.
    """

    study: str
    arm: str
    seed: int
    state: str
    numbers: Mapping[str, float] = field(default_factory=dict)
    per_image: Mapping[str, str] = field(default_factory=dict)
    compute: Compute | None = None
    run: str | None = None
    error: str | None = None
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
        return dataclasses.asdict(self)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> TrialRecord:
        compute = values.get("compute")
        return cls(**{**values, "compute": None if compute is None else Compute(**compute)})


@dataclass(frozen=True, kw_only=True)
class StudyRecord:
    """A whole study: its question, its design and all its trials, waiting ones too.

    plan: the plan file as it was read.
    baseline: the arm that the others are compared with.
    budget: {currency, amount} or None.
    floors: arm -> metric -> value, low and high of random weights of its shape, where they were
        measured.
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
    floors: Mapping[str, Mapping[str, Mapping[str, float]]] = field(default_factory=dict)

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
        return {
            trial.seed: trial.numbers[metric]
            for trial in self.finished(arm)
            if metric in trial.numbers
        }

    def to_dict(self) -> dict[str, Any]:
        return {"format": FORMAT, **dataclasses.asdict(self)}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> StudyRecord:
        """Rebuild from `to_dict`; raises MaskwrightError for a record of another format."""
        rest = dict(values)
        if rest.pop("format", None) != FORMAT:
            raise MaskwrightError(
                f"This study record is of format {values.get('format')}; this version reads"
                f" {FORMAT}. Run the study again."
            )
        rest["arms"] = tuple(Arm(**arm) for arm in rest["arms"])
        rest["metrics"] = tuple(Metric(**metric) for metric in rest["metrics"])
        rest["trials"] = tuple(TrialRecord.from_dict(trial) for trial in rest["trials"])
        return cls(**{**rest, "seeds": tuple(rest["seeds"])})

    def save(self, path: Path | str) -> None:
        """Write study.json."""
        write_json(path, self.to_dict())

    @classmethod
    def load(cls, path: Path | str) -> StudyRecord:
        """Read study.json."""
        return cls.from_dict(read_json(path))
