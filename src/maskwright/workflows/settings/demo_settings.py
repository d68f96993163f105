"""Every setting of `maskwright demo`."""

from __future__ import annotations

from dataclasses import dataclass

from maskwright.workflows.settings.fields import setting


@dataclass(frozen=True, kw_only=True)
class DemoSettings:
    """Where the demo goes and how long it may take."""

    out: str = setting("runs/demo", help="folder for the demo's run")
    minutes: float | None = setting(None, help="shorten or lengthen the training")
