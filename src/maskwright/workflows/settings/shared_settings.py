"""Settings that several commands share, to inherit from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from maskwright.support.checks import check_at_least
from maskwright.support.errors import MaskwrightError
from maskwright.workflows.settings import help_texts
from maskwright.workflows.settings.fields import setting

# What `maskwright.load` understands.
RUN_HELP = "run, weight file or folder, official:NAME, timm:NAME or zoo:NAME"
TRACK_HELP = "trackers beside metrics.jsonl: tensorboard (where installed), wandb, mlflow, or none"


@dataclass(frozen=True, kw_only=True)
class DeviceSettings:
    """Where a command computes."""

    device: str = setting("auto", help=help_texts.DEVICE)


@dataclass(frozen=True, kw_only=True)
class DividedSettings(DeviceSettings):
    """Where a command computes that divides its pictures among processes."""

    devices: int | None = setting(
        None,
        help=(
            "how many devices (or CPU processes) of this machine share the pictures (default: 1,"
            " or what torchrun or srun has started)"
        ),
    )

    def __post_init__(self) -> None:
        check_at_least("devices", self.devices, 1)


@dataclass(frozen=True, kw_only=True)
class SeedSettings:
    """What chance comes from."""

    seed: int = setting(0, help=help_texts.SEED)


@dataclass(frozen=True, kw_only=True)
class ReadingSettings:
    """How the values of picture files are read."""

    value_range: str | None = setting(
        None,
        help=(
            "values that mean black and white in files of other than 8 bits, as LOW,HIGH (default:"
            " the run's, or measured over a sample)"
        ),
    )
    pages: Literal["first", "all"] | None = setting(
        None,
        help=(
            "first: one picture of each file; all: each page of a TIFF and each frame (default:"
            " first)"
        ),
    )


@dataclass(frozen=True, kw_only=True)
class SplitSettings:
    """Which labeled pictures are fitted on and which are tested on."""

    train_split: str | None = setting(
        None, help="split to fit on (default: train, where the data has one)"
    )
    test_split: str | None = setting(
        None, help="split to test on (default: test or val, where the data has one)"
    )
    labels: str | None = setting(None, help=help_texts.LABELS)
    limit: int | None = setting(None, help="use at most this many pictures of each split")


@dataclass(frozen=True, kw_only=True)
class LabeledOptions(SplitSettings, ReadingSettings, SeedSettings):
    """All that is said of labeled pictures beside the data itself."""


@dataclass(frozen=True, kw_only=True)
class FeatureSettings:
    """What is read of an encoder."""

    features: str = setting(
        "statistics",
        help=(
            "what is read of the encoder: statistics (mean and deviation of all blocks), last"
            " (block), blocks, grid (quarters) or blocks_grid"
        ),
    )


@dataclass(frozen=True, kw_only=True)
class TargetSettings:
    """What a foreign model predicts."""

    target: Literal["raw", "normalized"] | None = setting(
        None,
        help="what a foreign model predicts, where its file does not say: raw or normalized",
    )


def check_track(names: Sequence[str]) -> None:
    """Refuse the name of a tracker that is not known."""
    unknown = sorted(set(names) - {"tensorboard", "wandb", "mlflow", "none"})
    if unknown:
        raise MaskwrightError(
            f"Unknown tracker '{unknown[0]}'; use tensorboard, wandb, mlflow or none."
        )
