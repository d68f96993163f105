"""Every setting of `maskwright neighbors`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from maskwright.support.checks import check_at_least, check_inside
from maskwright.workflows.settings.fields import setting


@dataclass(frozen=True, kw_only=True)
class NeighborsSettings:
    """Which pictures are looked up, among which, and what is written."""

    features: Any = setting(
        help="file of features, as maskwright embed writes it", positional=True, metavar="FEATURES"
    )
    among: str | None = setting(
        None, help="look for neighbors in this file of features instead, such as that of train"
    )
    # Which pictures, and how many neighbors.
    of: str | None = setting(
        None, help="names of pictures, with commas between (default: all; eight on the sheet)"
    )
    count: int = setting(8, help="neighbors of each picture")
    duplicates: float = setting(
        0.95, help="pictures at least this similar (cosine) are listed as near-duplicates"
    )
    # What is drawn and written.
    photos: str | None = setting(
        None, help="where the pictures are, for the sheet (default: as the file of features says)"
    )
    show: int = setting(8, help="pictures on the sheet")
    out: str | None = setting(None, help="folder for results (default: beside FEATURES)")

    def __post_init__(self) -> None:
        check_at_least("count", self.count, 1)
        check_at_least("show", self.show, 1)
        check_inside("duplicates", self.duplicates, 0.0, 1.0)
