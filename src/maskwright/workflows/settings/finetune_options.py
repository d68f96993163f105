"""What a call of `maskwright finetune` says beside the settings of the training."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from maskwright.workflows.settings import help_texts
from maskwright.workflows.settings.arguments import Arguments
from maskwright.workflows.settings.fields import leaves, setting
from maskwright.workflows.settings.finetune_settings import (
    SECTION,
    FinetuneSettings,
    build_finetune_settings,
)
from maskwright.workflows.settings.shared_settings import (
    RUN_HELP,
    DeviceSettings,
    LabeledOptions,
)


@dataclass(frozen=True, kw_only=True)
class FinetuneOptions(LabeledOptions, DeviceSettings):
    """From which encoder, on which pictures, and what happens to a run that is there."""

    run: str | None = setting(None, help=RUN_HELP, positional=True, metavar="RUN")
    data: str | None = setting(None, help="labeled pictures, as for pretrain")
    # How many labeled pictures.
    shots: int | str | None = setting(
        None,
        help=(
            "learn from a share of each class such as 10%, or from a number of pictures of each"
            " such as 5"
        ),
    )
    fold: int | str | None = setting(
        None, help="one of the ten folds of torchvision:STL10, 0 to 9, or all"
    )
    from_scratch: bool = setting(False, help="the same from random weights")
    out: str | None = setting(None, help="folder of the run (default: runs/<data>-<run>-finetune)")
    # Settings beside the flags.
    recipe: str | None = setting(
        None,
        help=(
            "settings from the section `finetune` of a .yaml file or a RUN/config.yaml; flags win"
            " over it"
        ),
    )
    assignments: list[str] = setting(
        [],
        help="one setting, e.g. finetune.epochs=20",
        many=True,
        metavar="finetune.NAME=VALUE",
        flag="set",
    )
    # A run that is there.
    resume: bool = setting(
        False, help="go on with the interrupted run in --out exactly where it stopped"
    )
    overwrite: bool = setting(False, help=help_texts.OVERWRITE)


def check_finetune(options: FinetuneOptions, settings: dict[str, Any]) -> None:
    """Refuse a mistake in the settings."""
    build_finetune_settings(settings, options.assignments, options.recipe)


FINETUNE = Arguments(
    FinetuneOptions, sections=tuple(leaves({SECTION: FinetuneSettings})), check=check_finetune
)
