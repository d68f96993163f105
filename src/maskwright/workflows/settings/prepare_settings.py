"""Every setting of `maskwright prepare`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from maskwright.support.checks import check_at_least, check_one_of
from maskwright.workflows.settings import help_texts
from maskwright.workflows.settings.fields import setting
from maskwright.workflows.settings.shared_settings import (
    DeviceSettings,
    ReadingSettings,
    SeedSettings,
)

CROPS = ("none", "center", "smart")


@dataclass(frozen=True, kw_only=True)
class PrepareSettings(ReadingSettings, DeviceSettings, SeedSettings):
    """Which pictures go into a store, how they are cut, and which maps are made."""

    data: Any = setting(
        help="pictures, as for pretrain; a store without --out gets maps where it is",
        positional=True,
        metavar="DATA",
    )
    out: str | None = setting(None, help="folder for the store", metavar="STORE")
    # How pictures are cut.
    size: int | None = setting(
        None,
        help=(
            "shorter side of the stored pictures; about 8/7 of the training size leaves room for"
            " crops"
        ),
    )
    crop: str = setting(
        "none",
        help="none, center or smart (square windows that keep heads, else what stands out)",
    )
    windows: int = setting(1, help="most windows of one picture, for heads too far apart for one")
    heads: str = setting(
        "auto", help="what finds heads: auto, animeface, cascade, a cascade .xml, or none"
    )
    # What is made beside them.
    priors: Any = setting(
        "",
        help=(
            "maps to make, e.g. \"foreground, attention(from='runs/mine'),"
            " parts(from='parts.csv')\"; see: maskwright list priors"
        ),
    )
    # Which pictures, and how they are read.
    channels: int | None = setting(None, help="1 for gray, 3 for color; as found by default")
    split: str | None = setting(None, help=help_texts.SPLIT)
    labels: str | None = setting(None, help=help_texts.LABELS)
    overwrite: bool = setting(False, help="replace a store of other pictures in --out")

    def __post_init__(self) -> None:
        check_one_of("crop", self.crop, CROPS)
        check_at_least("size", self.size, 1)
        check_at_least("windows", self.windows, 1)
