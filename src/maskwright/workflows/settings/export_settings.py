"""Every setting of `maskwright export`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from maskwright.workflows.settings.fields import setting
from maskwright.workflows.settings.shared_settings import RUN_HELP, TargetSettings


@dataclass(frozen=True, kw_only=True)
class ExportSettings(TargetSettings):
    """Which model is written, in which format, and where."""

    run: Any = setting(help=RUN_HELP, positional=True, metavar="RUN")
    format: str = setting("timm", help="timm, hf, official, onnx or safetensors")
    out: str | None = setting(
        None, help="file or folder to write (default: RUN/exported/...)", metavar="PLACE"
    )
