"""Every setting of `maskwright evaluate`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from maskwright.workflows.settings.fields import setting
from maskwright.workflows.settings.shared_settings import (
    DividedSettings,
    FeatureSettings,
    LabeledOptions,
)


@dataclass(frozen=True, kw_only=True)
class EvaluateSettings(LabeledOptions, FeatureSettings, DividedSettings):
    """Which encoders are measured, on what, by which probes."""

    run: Any = setting(
        help="run folder, checkpoint, timm:NAME or random; several are compared",
        positional=True,
        many=True,
        metavar="RUN",
    )
    data: str | None = setting(
        None, help="labeled pictures, as for pretrain (default: the run's data)"
    )
    # What is measured.
    probe: str = setting(
        "knn,linear",
        help="what to measure, with options: knn(k=5),linear; maskwright list probes has all",
    )
    shots: str | None = setting(
        None,
        help=(
            "also a linear probe on few labels: 1%, 10% of each class, or 5 of each; several as"
            " 1%,5"
        ),
    )
    # What is done beside it.
    baselines: bool = setting(True, help="also measure random weights and raw pixels")
    figures: bool = setting(True, help="also draw confusions, and accuracy by depth")
    cache: bool = setting(True, help="keep features for the next time")
    out: str | None = setting(None, help="folder for results (default: <RUN>/eval)")
