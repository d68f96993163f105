"""Every setting of `maskwright doctor`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from maskwright.support.checks import check_at_least
from maskwright.workflows.settings.fields import setting
from maskwright.workflows.settings.shared_settings import DeviceSettings


@dataclass(frozen=True, kw_only=True)
class DoctorSettings(DeviceSettings):
    """What is examined: a run, or without one this machine."""

    run: Any = setting(
        None,
        help="run folder of a pretraining; without one this machine is checked",
        positional=True,
        metavar="RUN",
    )
    data: Any = setting(None, help="where the run's pictures are now (default: where they were)")
    limit: int = setting(256, help="held-out pictures that filling in and features are measured on")
    out: str | None = setting(
        None, help="folder for doctor.json and neighbors.png (default: RUN/doctor)"
    )
    json: bool = setting(False, help="print the findings as JSON instead of sentences")

    def __post_init__(self) -> None:
        check_at_least("limit", self.limit, 2)
