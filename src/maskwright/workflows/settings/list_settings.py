"""Every setting of `maskwright list`."""

from __future__ import annotations

from dataclasses import dataclass

from maskwright.workflows.settings.fields import setting


@dataclass(frozen=True, kw_only=True)
class ListSettings:
    """What is listed."""

    # Optional: without a name the names themselves are listed.
    what: str | None = setting(
        None,
        help=(
            "policies, models, recipes, studies, schedules, losses, targets, optimizers, priors,"
            " probes, diagnostics or zoo"
        ),
        positional=True,
        metavar="WHAT",
    )
