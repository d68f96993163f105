"""Every setting of `maskwright masks`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from maskwright.workflows.settings import help_texts
from maskwright.workflows.settings.fields import setting
from maskwright.workflows.settings.shared_settings import ReadingSettings, SeedSettings


@dataclass(frozen=True, kw_only=True)
class MasksSettings(ReadingSettings, SeedSettings):
    """Which masks are looked at, on which pictures."""

    data: Any = setting(help=help_texts.PICTURES, positional=True, metavar="DATA")
    # The masks.
    policy: Any = setting(
        "random", help="one policy, several separated by ; or commas, or all that can be used"
    )
    ratio: float = setting(0.75, help="share of patches masked", aliases=("mask_ratio",))
    # The grid, chosen as for a training where it is open.
    image_size: int | str | None = setting(None, help="side in pixels, or HEIGHTxWIDTH")
    patch_size: int | None = setting(None, help=help_texts.PATCH_SIZE)
    # What is shown and measured.
    pictures: int = setting(4, help="how many pictures to show")
    draws: int = setting(2000, help="how many masks the statistics are taken over")
    out: str = setting("masks.png", help="PNG to write")
    split: str | None = setting(None, help=help_texts.SPLIT)
