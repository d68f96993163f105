"""Every setting of `maskwright embed`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from maskwright.workflows.settings import help_texts
from maskwright.workflows.settings.fields import setting
from maskwright.workflows.settings.shared_settings import (
    RUN_HELP,
    DividedSettings,
    FeatureSettings,
    ReadingSettings,
)


@dataclass(frozen=True, kw_only=True)
class EmbedSettings(FeatureSettings, ReadingSettings, DividedSettings):
    """Which vectors of which pictures are written, and where."""

    run: Any = setting(help=RUN_HELP, positional=True, metavar="RUN")
    data: Any = setting(help=help_texts.PICTURES, positional=True, metavar="DATA")
    # What is written of each picture.
    out: str = setting("features.npz", help="file to write, .npz or .parquet")
    pooling: str = setting("mean", help="mean of the patch tokens, cls (the class token) or both")
    # Which pictures.
    split: str | None = setting(None, help=help_texts.SPLIT)
    labels: str | None = setting(None, help=help_texts.LABELS)
