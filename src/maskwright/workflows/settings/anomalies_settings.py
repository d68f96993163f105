"""Every setting of `maskwright anomalies`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from maskwright.support.checks import check_at_least, check_inside
from maskwright.workflows.settings.fields import setting
from maskwright.workflows.settings.shared_settings import (
    RUN_HELP,
    DividedSettings,
    ReadingSettings,
    SeedSettings,
)


@dataclass(frozen=True, kw_only=True)
class AnomaliesSettings(ReadingSettings, DividedSettings, SeedSettings):
    """Which pictures are looked at, beside which normal ones, and how."""

    run: Any = setting(help=RUN_HELP, positional=True, metavar="RUN")
    photos: Any = setting(
        help="pictures to look at, as DATA of pretrain", positional=True, metavar="PHOTOS"
    )
    # What is normal, and what is known.
    normal: str | None = setting(
        None, help="pictures of what is normal (default: those that the run was trained on)"
    )
    reference: int = setting(512, help="use at most this many normal pictures")
    labels: str | None = setting(None, help="CSV file of file,label, to measure AUROC with")
    anomalous: str | None = setting(
        None, help="the classes that are anomalies, with commas between (default: by their names)"
    )
    # How the scores are made.
    ratio: float = setting(0.75, help="share of patches that each mask hides")
    rounds: int = setting(2, help="how often a picture is cut into complementary masks")
    blocks: Literal["last", "all"] = setting(
        "last", help="whose patch features are compared: of the last block, or of all"
    )
    bank: int = setting(5000, help="patch features of normal pictures that are kept")
    subsample: Literal["random", "coreset"] = setting(
        "random", help="how they are chosen: random, or coreset (greedy k-center)"
    )
    # What is measured beside, and written.
    baselines: bool = setting(True, help="where labels exist, also measure random weights")
    show: int = setting(12, help="pictures on the sheet, the most anomalous first")
    maps: bool = setting(False, help="also write the heat maps of all pictures to maps.npz")
    limit: int | None = setting(None, help="look at at most this many pictures")
    out: str | None = setting(None, help="folder for results (default: <RUN>/anomalies)")

    def __post_init__(self) -> None:
        super().__post_init__()
        check_inside("ratio", self.ratio, 0.1, 0.95)
        check_at_least("rounds", self.rounds, 1)
        check_at_least("reference", self.reference, 2)
        check_at_least("bank", self.bank, 10)
        check_at_least("show", self.show, 1)
        check_at_least("limit", self.limit, 1)
