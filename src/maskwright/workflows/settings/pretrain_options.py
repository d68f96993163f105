"""What a call of `maskwright pretrain` says beside the settings of the run."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from maskwright.workflows.settings import help_texts
from maskwright.workflows.settings.arguments import Arguments
from maskwright.workflows.settings.fields import leaves, setting
from maskwright.workflows.settings.pretrain_settings import SECTIONS
from maskwright.workflows.settings.recipes import build_settings


@dataclass(frozen=True, kw_only=True)
class PretrainOptions:
    """Where settings come from, and what happens to a run that is there."""

    # Settings beside the flags, each winning over the one before.
    recipe: str | None = setting(
        None,
        help="settings from a .yaml file, a RUN/config.yaml or a recipe's name; flags win over it",
    )
    assignments: list[str] = setting(
        [],
        help="one setting by section, e.g. model.decoder_depth=2",
        many=True,
        metavar="SECTION.NAME=VALUE",
        flag="set",
    )
    # A run that is there.
    resume: bool = setting(False, help="go on with an interrupted run exactly where it stopped")
    overwrite: bool = setting(False, help=help_texts.OVERWRITE)
    checkup: bool = setting(
        True, help="say at the end whether it works, in a few lines; all of it: maskwright doctor"
    )


def check_pretrain(options: PretrainOptions, settings: dict[str, Any]) -> None:
    """Refuse a mistake in the settings of a new run."""
    # A resumed run may name nothing but its folder, which holds its settings.
    if settings.get("data") is not None or options.recipe or not options.resume:
        build_settings(options.recipe, options.assignments, **settings)


PRETRAIN = Arguments(PretrainOptions, sections=tuple(leaves(SECTIONS)), check=check_pretrain)
