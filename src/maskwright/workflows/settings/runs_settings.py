"""Every setting of `maskwright runs`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from maskwright.support.checks import check_at_least, check_one_of
from maskwright.workflows.settings.fields import setting

FORMATS = ("table", "csv", "json")


@dataclass(frozen=True, kw_only=True)
class RunsSettings:
    """Which runs are listed, in which order and form."""

    folder: str = setting(
        "runs", help="folder to look in, at any depth", positional=True, metavar="FOLDER"
    )
    where: list[str] = setting(
        [],
        help=(
            "keep runs of which this holds, e.g. policy=random, 'loss<0.9', data~faces or"
            " state!=finished; may be repeated"
        ),
        many=True,
        metavar="NAME=VALUE",
    )
    sort: str = setting("run", help="column or setting to sort by, e.g. loss or knn")
    reverse: bool = setting(False, help="largest first")
    limit: int | None = setting(None, help="show only the first N")
    diff: bool = setting(False, help="show the settings that differ between these runs instead")
    format: Literal["table", "csv", "json"] = setting(
        "table", help="table, csv or json; the last two hold every column, json every setting"
    )

    def __post_init__(self) -> None:
        check_one_of("format", self.format, FORMATS)
        check_at_least("limit", self.limit, 1)
