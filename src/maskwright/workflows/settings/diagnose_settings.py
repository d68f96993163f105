"""Every setting of `maskwright diagnose`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from maskwright.workflows.settings.fields import setting
from maskwright.workflows.settings.shared_settings import (
    RUN_HELP,
    DeviceSettings,
    LabeledOptions,
)


@dataclass(frozen=True, kw_only=True)
class DiagnoseSettings(LabeledOptions, DeviceSettings):
    """Which encoders are asked, what, and with which pictures."""

    runs: Any = setting(help=f"{RUN_HELP}; several", positional=True, many=True, metavar="RUN")
    on: str | None = setting(
        None,
        help="labeled pictures, as for evaluate (default: the data of the first run)",
        # As evaluate calls them: whoever measures a run by both should not have to look it up.
        aliases=("data",),
        metavar="DATA",
    )
    # The questions, and pictures that some of them need.
    tests: str = setting(
        "lowpass,highpass",
        help=(
            "what to ask, e.g. lowpass,cue-conflict or lowpass(sigmas=[0,1,2]); see: maskwright"
            " list diagnostics"
        ),
    )
    stimuli: str | None = setting(
        None,
        help="cue-conflict pictures for the test cue-conflict: a folder or archive",
        metavar="PLACE",
    )
    textures: str | None = setting(
        None, help="labeled pictures of textures for the test texture", metavar="PLACE"
    )
    stylized: str | None = setting(
        None,
        help="stylized pictures of the same classes for the test stylized, a folder per class",
        metavar="PLACE",
    )
    # What is done beside it.
    baselines: bool = setting(True, help="also ask random weights and raw pixels")
    out: str | None = setting(
        None,
        help="folder for <test>.png and <test>.json (default: <first RUN>/diagnose)",
        metavar="FOLDER",
    )
