"""Which pictures a training sees, and how they are cut and changed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from maskwright.data.pixels.value_range import ValueRanges
from maskwright.support.checks import check_at_least, check_inside, check_one_of
from maskwright.support.errors import MaskwrightError
from maskwright.workflows.settings import help_texts
from maskwright.workflows.settings.fields import setting


@dataclass(frozen=True, kw_only=True)
class DataSettings:
    """Which pictures, and how they are cut."""

    # What is read.
    data: str = setting(
        help=(
            "folder, .npy/.npz, .zip/.tar, shards-{000..127}.tar, Parquet, list file, or"
            " torchvision:NAME"
        ),
        positional=True,
        metavar="DATA",
    )
    split: str | None = setting(
        None, help="use this split of the data (train, test, unlabeled ...)"
    )
    labels: str | None = setting(
        None,
        help=(
            "CSV file of file,label, or a column of Parquet; used only to measure, never to train"
        ),
    )
    # What is held out; the two parts differ: `val` is looked at while training, `test_size` after.
    val: str | None = setting(
        None,
        help=(
            "held-out data: a share such as 0.1, a count such as 500, or another DATA (default:"
            " 5%, at most 1000)"
        ),
    )
    test_size: float | None = setting(
        None,
        help=(
            "share set apart for a test after the training, which never sees it; evaluate measures"
            " on it (default: none)"
        ),
    )
    limit: int | None = setting(None, help="use only N pictures, chosen by chance from all")
    # Shape of what the model sees.
    image_size: int | str | None = setting(
        None, help="side in pixels after cropping, or HEIGHTxWIDTH"
    )
    channels: int | None = setting(
        None, help="1 for gray, 3 for color; as found in the data by default"
    )
    # Augmentation: a crop, then mirroring, turning and colors, all off but the first two.
    crop: Literal["random", "center", "stretch"] = setting("random", help=help_texts.CROP)
    crop_scale: float | None = setting(
        None, help="smallest share of the picture's area that a random crop may take"
    )
    flip: bool = setting(True, help=help_texts.FLIP)
    vertical_flip: bool = setting(False, help="turn half of the pictures upside down")
    rotate: float = setting(0.0, help="most degrees by which a crop is turned, either way")
    brightness: float = setting(
        0.0, help="change of brightness, 0 to 1; 0.4 draws a factor from 0.6 to 1.4"
    )
    contrast: float = setting(0.0, help="change of contrast, 0 to 1")
    saturation: float = setting(0.0, help="change of saturation, 0 to 1")
    hue: float = setting(0.0, help="change of hue as a share of the color circle, 0 to 0.5")
    # How files are read.
    workers: int | None = setting(None, help="processes that load pictures")
    value_range: str | None = setting(
        None,
        help=(
            "values that mean black and white in files of other than 8 bits, as LOW,HIGH; values"
            " beyond are cut off; measured over a sample by default"
        ),
    )
    pages: Literal["first", "all"] = setting(
        "first", help="first: one picture of each file; all: each page of a TIFF and each frame"
    )
    stream: bool = setting(
        False,
        help=(
            "decode pictures anew each time instead of keeping decoded ones in the cache; for data"
            " too large for it"
        ),
    )

    def __post_init__(self) -> None:
        # Errors come here, before any picture is opened.
        if self.image_size is not None:
            parse_size(self.image_size)
        check_one_of("crop", self.crop, ("random", "center", "stretch"))
        for name, most in (
            ("crop_scale", 1),
            ("rotate", 180),
            ("brightness", 1),
            ("contrast", 1),
            ("saturation", 1),
            ("hue", 0.5),
        ):
            if getattr(self, name) is not None:
                check_inside(name, getattr(self, name), 0, most)
        check_one_of("pages", self.pages, ("first", "all"))
        if self.value_range is not None:
            ValueRanges.parse(self.value_range)
        if self.test_size is not None and not 0 < self.test_size < 1:
            raise MaskwrightError(
                f"test_size is a share between 0 and 1, such as 0.25; got {self.test_size:g}."
            )
        check_at_least("limit", self.limit, 2)
        check_at_least("workers", self.workers, 0)


def parse_size(value: int | str) -> tuple[int, int]:
    """Read 96, "96" or "224x336" as (height, width)."""
    parts = str(value).lower().split("x")
    try:
        sides = [int(part) for part in parts]
    except ValueError:
        sides = []
    if len(sides) not in (1, 2) or min(sides) < 1:
        raise MaskwrightError(
            f"An image size is a number such as 96 or HEIGHTxWIDTH such as 224x336; got '{value}'."
        )
    # One number is the side of a square.
    return sides[0], sides[-1]
