"""One picture file to pixels: rotation, color modes, alpha, odd and broken files, and shrinking
without aliasing.
"""

from __future__ import annotations

import io
import logging
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from maskwright.data.pixels.deep_pixels import is_deep, read_deep
from maskwright.data.pixels.tiff_errors import describe_tiff, tiff_complaints
from maskwright.data.pixels.value_range import FULL, ValueRanges
from maskwright.support.errors import MaskwrightError

_MODES = {1: "L", 3: "RGB", 4: "RGBA"}
_GRAY_MODES = frozenset({"1", "L", "LA", "La", "F"})
_ORIENTATION = 0x0112
# Pillow logs what it cannot read as well as raising it, once for each try: the file's report says
# it once.
logging.getLogger("PIL").addHandler(logging.NullHandler())


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """How a picture is wanted from its source.

    channels: 1 gray, 3 color, 4 with alpha; None keeps gray gray and color color. Unless 4 are
        asked for, transparent pixels lie on white.
    short_side: the most pixels the shorter side may have; larger pictures are shrunk with their
        aspect kept, none is enlarged.
    """

    channels: int | None = None
    short_side: int | None = None


AS_STORED = Wanted()


class UnreadableImage(MaskwrightError):
    """A picture that cannot be used: its key in the source and why."""

    def __init__(self, key: str, reason: str) -> None:
        super().__init__(f"Cannot read '{key}': {reason}.")
        self.key = key
        self.reason = reason


def decode_picture(
    data: bytes, key: str, wanted: Wanted = AS_STORED, values: ValueRanges = FULL, page: int = 0
) -> np.ndarray:
    """Decode the bytes of a picture file to (H, W, C) uint8; raises UnreadableImage, whatever is
    wrong with the file.

    values: which values of more than 8 bits mean black and white.
    page: of a TIFF, or frame of an animation, from 0. EXIF rotation is applied, CMYK and palettes
        become RGB. A file that libtiff complains of is unreadable even where it gave pixels.
    """
    if not data:
        raise UnreadableImage(key, "the file is empty")
    with tiff_complaints() as complaints:
        try:
            with open_page(data, page) as opened:
                pixels = _to_pixels(
                    _to_eight_bits(opened, values, lambda: open_page(data, page)), wanted
                )
        except Exception as error:  # Pillow's plugins raise almost anything on damaged files
            reason = f"{complaints[0]} (libtiff)" if complaints else _reason(error, data)
            raise UnreadableImage(key, reason) from error
    if complaints:
        raise UnreadableImage(key, f"{complaints[0]} (libtiff)")
    return pixels


def open_page(data: bytes, page: int = 0) -> Image.Image:
    """Open one page of a picture file, undecoded; raises as Pillow does."""
    opened = Image.open(io.BytesIO(data))
    if page:
        opened.seek(page)
    return opened


def picture_pixels(
    picture: Image.Image, wanted: Wanted = AS_STORED, values: ValueRanges = FULL
) -> np.ndarray:
    """Bring a Pillow image to (H, W, C) uint8 as `decode_picture` does with a file; the image
    itself stays as it is.

    Raises ValueError for values outside the range that means black and white.
    """
    return _to_pixels(_to_eight_bits(picture.copy(), values, picture.copy), wanted)


def picture_size(data: bytes, key: str, page: int = 0) -> tuple[int, int]:
    """Return (height, width) after EXIF rotation, from the file's header alone; raises
    UnreadableImage.
    """
    if not data:
        raise UnreadableImage(key, "the file is empty")
    with (
        tiff_complaints()
    ):  # a file that is damaged behind its header is reported when it is decoded
        try:
            with open_page(data, page) as opened:
                width, height = opened.size
                turned = opened.getexif().get(_ORIENTATION, 1) in (5, 6, 7, 8)
        except Exception as error:  # as above
            raise UnreadableImage(key, _reason(error, data)) from error
    return (width, height) if turned else (height, width)


@contextmanager
def quiet_pillow() -> Iterator[None]:
    """Silence Pillow's warnings about single files; what cannot be used is reported as
    UnreadableImage instead.
    """
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", module=r"PIL\..*")
        warnings.simplefilter("ignore", Image.DecompressionBombWarning)
        yield


def shrink(image: Image.Image, short_side: int | None) -> Image.Image:
    """Shrink a picture, antialiased, until its short side has at most `short_side` pixels."""
    if short_side is None or min(image.size) <= short_side:
        return image
    factor = short_side / min(image.size)
    size = tuple(max(1, round(side * factor)) for side in image.size)
    return image.resize((size[0], size[1]), Image.Resampling.BICUBIC, reducing_gap=3.0)


def _to_pixels(opened: Image.Image, wanted: Wanted) -> np.ndarray:
    if wanted.short_side is not None:
        factor = 2 * wanted.short_side / min(opened.size)
        opened.draft(
            None, (int(opened.width * factor), int(opened.height * factor))
        )  # JPEG: decode at 1/2, 1/4, 1/8
    ImageOps.exif_transpose(opened, in_place=True)
    pixels = np.asarray(shrink(_to_mode(opened, wanted.channels), wanted.short_side))
    return pixels[:, :, None] if pixels.ndim == 2 else pixels


def _to_mode(image: Image.Image, channels: int | None) -> Image.Image:
    """Bring any Pillow mode to L, RGB or RGBA."""
    if channels is not None and channels not in _MODES:
        raise ValueError(f"a picture file has 1, 3 or 4 channels, not {channels}")
    gray = image.mode in _GRAY_MODES or image.mode.startswith("I")
    mode = _MODES[channels] if channels else "L" if gray else "RGB"
    if image.has_transparency_data and mode != "RGBA":
        opaque = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", opaque.size, "white"), opaque).convert(
            "RGB"
        )
    return image if image.mode == mode else image.convert(mode)


def _to_eight_bits(
    image: Image.Image, values: ValueRanges, again: Callable[[], Image.Image]
) -> Image.Image:
    """Bring values of more than 8 bits to 8 under a range; other pictures stay as they are,
    undecoded.
    """
    return read_deep(image, again).to_image(values) if is_deep(image) else image


def _reason(error: Exception, data: bytes) -> str:
    if isinstance(error, UnidentifiedImageError):
        found = describe_tiff(data)
        if found is not None:
            return (
                f"it is {found}; pictures have 1, 3 or 4 bands of up to 16 bits, or one of 32: "
                "save arrays (H, W, BANDS) as .npy to use all, or choose bands"
            )
        return "the content is not a picture in a known format"
    if isinstance(error, Image.DecompressionBombError):
        return (
            f"it has more than {2 * (Image.MAX_IMAGE_PIXELS or 0) / 1e6:,.0f} million pixels (a"
            " decompression bomb?)"
        )
    return str(error).rstrip(".") or type(error).__name__
