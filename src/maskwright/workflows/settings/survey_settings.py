"""Every setting of `maskwright survey`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from maskwright.support.checks import check_at_least
from maskwright.support.errors import MaskwrightError
from maskwright.workflows.settings.fields import setting
from maskwright.workflows.settings.shared_settings import DeviceSettings, ReadingSettings

ALL = "all"


@dataclass(frozen=True, kw_only=True)
class SurveySettings(ReadingSettings, DeviceSettings):
    """Which pictures are looked at, how many, and what is known about them."""

    data: Any = setting(help="pictures, as for pretrain", positional=True, metavar="DATA")
    out: str = setting("survey", help="folder for survey.json and the sheets")
    sample: int | str = setting(
        1000, help="how many pictures to decode, spread over the whole data, or all"
    )
    sizes: list[int] | None = setting(
        None, help="sides to compare in pixels, e.g. 64,96,128 (default: the usual ones that fit)"
    )
    boxes: str | None = setting(
        None,
        help="CSV or COCO JSON with boxes of objects or parts, to see whether patches are smaller",
    )
    faces: bool = setting(True, help="look for faces where a detector is installed")
    split: str | None = setting(None, help="use this split of the data")
    labels: str | None = setting(None, help="CSV file of file,label, or a column of Parquet")

    def __post_init__(self) -> None:
        if isinstance(self.sample, str) and self.sample != ALL:
            raise MaskwrightError(
                f"--sample is a number such as 1000, or all; got '{self.sample}'."
            )
        if isinstance(self.sample, int):
            check_at_least("sample", self.sample, 1)
        for side in self.sizes or ():
            check_at_least("sizes", side, 8)
