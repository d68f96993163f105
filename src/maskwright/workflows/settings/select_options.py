"""What a call of `maskwright select` says beside the settings of the training."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from maskwright.support.errors import MaskwrightError
from maskwright.workflows.settings.arguments import Arguments
from maskwright.workflows.settings.fields import leaves, setting
from maskwright.workflows.settings.select_settings import SelectSettings, build_select_settings


@dataclass(frozen=True, kw_only=True)
class SelectOptions:
    """Which run, which pictures, and what happens to a training that is there."""

    run: Any = setting(
        help="run folder whose autoencoder stays frozen", positional=True, metavar="RUN"
    )
    data: Any = setting(
        None,
        help=(
            "pictures, as for pretrain (default: the run's own, measured on what the run held out)"
        ),
    )
    name: str | None = setting(None, help="folder under RUN/select (default: <encode>-<scorer>)")
    recipe: str | None = setting(
        None, help="settings from the section `select` of a .yaml file; flags win over it"
    )
    apply: str | None = setting(
        None,
        help=(
            "train nothing: let the scorer of this name look at the pictures of --data, and write"
            " scores, maps and kept patches of each"
        ),
        metavar="NAME",
    )
    # A training that is there.
    resume: bool = setting(False, help="go on with an interrupted training")
    overwrite: bool = setting(
        False, help="delete the earlier training of that name and start again"
    )


USED_BY_APPLY = ("limit", "device")
"""Settings of the training that mean something where nothing is trained."""


def check_select(options: SelectOptions, settings: dict[str, Any]) -> None:
    """Refuse a mistake in the settings, and what --apply does not use."""
    if options.apply is not None:
        given = {name for name, value in settings.items() if value is not None}
        named = {"name": options.name, "recipe": options.recipe}
        unused = sorted(given - set(USED_BY_APPLY)) + [k for k, value in named.items() if value]
        if unused:
            words = ", ".join(f"--{name.replace('_', '-')}" for name in unused)
            raise MaskwrightError(f"--apply trains nothing, so leave out {words}.")
        if options.data is None:
            raise MaskwrightError("--apply needs the pictures to look at: --data PHOTOS.")
    build_select_settings(options.recipe, settings)


SELECT = Arguments(
    SelectOptions, sections=tuple(leaves({"select": SelectSettings})), check=check_select
)
