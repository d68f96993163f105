"""How a study is run, not what it compares: its folder, its workers, its ledger."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from maskwright.studies.cluster import read_launcher
from maskwright.studies.storage import Heartbeat
from maskwright.support.errors import MaskwrightError, did_you_mean
from maskwright.training.trackers import check_trackers
from maskwright.workflows.settings.study_settings import RunStudySettings


@dataclass(frozen=True, kw_only=True)
class RunningSettings(RunStudySettings):
    """How a study is run, with what the command line does not show.

    search: instead of the arms, try this many settings inside the plan's ranges.
    heartbeat: how often a worker says that it is alive.
    """

    search: int | None = None
    heartbeat: Heartbeat = Heartbeat()

    def __post_init__(self) -> None:
        # All of it is checked here, because workers would find mistakes hours later.
        check_trackers(self.track)
        # Read only to see whether it can be read; the cluster reads it again.
        if self.launcher is not None:
            read_launcher(self.launcher)
        if self.workers < 1:
            raise MaskwrightError(f"A study needs a worker; got workers={self.workers}.")

    def folder(self, name: str) -> Path:
        """The folder of a study of that name."""
        return Path(self.out) if self.out is not None else Path("studies") / name


NAMES = tuple(field.name for field in dataclasses.fields(RunningSettings))


def read_running(given: Mapping[str, Any]) -> RunningSettings:
    """Settings from names and values, None meaning not given.

    Raises MaskwrightError for an unknown name, with the nearest known one.
    """
    # A misspelled name must not be ignored: a study may run for days.
    for name in given:
        if name not in NAMES:
            raise MaskwrightError(
                f"A study has no setting '{name}'.{did_you_mean(name, NAMES)} Known:"
                f" {', '.join(NAMES)}."
            )
    return RunningSettings(**{name: value for name, value in given.items() if value is not None})
