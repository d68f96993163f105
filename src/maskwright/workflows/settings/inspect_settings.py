"""Every setting of `maskwright inspect`."""

from __future__ import annotations

from dataclasses import dataclass

from maskwright.workflows.settings.fields import setting
from maskwright.workflows.settings.shared_settings import RUN_HELP, TargetSettings


@dataclass(frozen=True, kw_only=True)
class InspectSettings(TargetSettings):
    """What is described."""

    # Foreign files say little about themselves, so `target` may be added.
    path: str = setting(help=RUN_HELP, positional=True, metavar="CKPT_OR_RUN")
