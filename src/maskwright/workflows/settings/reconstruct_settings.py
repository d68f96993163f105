"""Every setting of `maskwright reconstruct`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from maskwright.support.errors import MaskwrightError
from maskwright.workflows.settings.fields import setting
from maskwright.workflows.settings.shared_settings import (
    DeviceSettings,
    ReadingSettings,
    SeedSettings,
    TargetSettings,
)

PIXEL_STATS = ("visible", "target")
HOLE = "a painted hole"


@dataclass(frozen=True, kw_only=True)
class ReconstructSettings(TargetSettings, ReadingSettings, DeviceSettings, SeedSettings):
    """Which models fill in which pictures, under which masks."""

    run: Any = setting(
        help="run folder or checkpoint; several, before the images, stand side by side",
        positional=True,
        metavar="RUN",
    )
    images: Any = setting(
        help="image files, folders of them, or a prepared store",
        positional=True,
        many=True,
        metavar="IMAGE",
    )
    out: str | None = setting(
        None, help="PNG to write (default: <RUN>/reconstructions/<first image>.png)"
    )
    # Masks; several of anything stand side by side.
    policy: Any = setting(
        None,
        help=(
            "rule that picks the masked patches, several separated by ; or commas, or all"
            " (default: the run's)"
        ),
    )
    ratio: Any = setting(
        None,
        help="share of patches masked, or several, e.g. 0.25,0.5,0.75 (default: the run's last)",
        aliases=("mask_ratio",),
    )
    epochs: Any = setting(
        None,
        help=(
            "all, or e.g. 20,50: the checkpoints that a run kept (pretrain --keep), side by side"
        ),
    )
    # What is shown and measured.
    errors: bool = setting(False, help="also show how wrong each pixel is")
    full: bool = setting(
        False, help="predict every pixel: average many masks, and show how far they disagree"
    )
    lpips: str | None = setting(
        None, help="also measure LPIPS with these AlexNet weights: imagenet, or a file"
    )
    mask: Any = setting(
        None,
        help=(
            "hole to fill: white, strokes on a transparent layer, or what was erased; a picture"
            " for all, or a folder of same-named ones"
        ),
        group=HOLE,
    )
    # Checked by the painted hole itself, which names the words that it knows.
    cover: Any = setting(
        None,
        help="hide a patch when any, half or all of it lies in the hole (default: any)",
        group=HOLE,
    )
    fit: Any = setting(
        None,
        help=(
            "resize (whole picture to the model's size) or tile (windows at full resolution)"
            " (default: resize)"
        ),
        group=HOLE,
    )
    feather: int | None = setting(
        None,
        help="pixels over which the fill fades in, inside the hole (default: 4)",
        group=HOLE,
    )
    # How predictions become pixels.
    stats: Any = setting(
        "visible",
        help="how normalized predictions are shown: visible (no leak) or target (oracle)",
    )

    def __post_init__(self) -> None:
        if self.stats not in PIXEL_STATS:
            raise MaskwrightError(f"stats is visible or target; got '{self.stats}'.")
