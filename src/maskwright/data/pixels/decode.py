"""One picture file to pixels: rotation, color modes, alpha, broken files, and shrinking."""

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
from maskwright.data.pixels.open_image import open_image
from maskwright.data.pixels.resize import shrink_pixels
from maskwright.data.pixels.tiff_errors import describe_tiff, tiff_complaints
from maskwright.data.pixels.value_range import FULL, ValueRanges
from maskwright.support.errors import MaskwrightError

# Pillow's mode for each number of channels.
_MODES = {1: "L", 3: "RGB", 4: "RGBA"}
_GRAY_MODES = frozenset({"1", "L", "LA", "La", "F"})
_ORIENTATION = 0x0112  # EXIF's tag
_ON_THEIR_SIDE = (5, 6, 7, 8)  # orientations of EXIF that exchange height and width
# Pillow logs what it cannot read as well as raising it, once for each try: the file's report says
# it once.
logging.getLogger("PIL").addHandler(logging.NullHandler())


@dataclass(frozen=True, kw_only=True)
class DecodeOptions:
    """How a picture comes from its source.

    channels: 1 gray, 3 color, 4 with alpha; None keeps gray gray and color color. With fewer than
        4, transparent pixels lie on white.
    short_side: the most pixels the shorter side may have; larger pictures are shrunk with their
        aspect kept, none is enlarged.
    """

    channels: int | None = None
    short_side: int | None = None


AS_STORED = DecodeOptions()


class UnreadableImage(MaskwrightError):
    """A picture that cannot be used: its key in the source and why."""

    def __init__(self, key: str, reason: str) -> None:
        super().__init__(f"Cannot read '{key}': {reason}.")
        self.key = key
        self.reason = reason


def decode_picture(
    data: bytes,
    key: str,
    options: DecodeOptions = AS_STORED,
    values: ValueRanges = FULL,
    page: int = 0,
) -> np.ndarray:
    """Decode the bytes of a picture file to (H, W, C) uint8.

    EXIF rotation is applied, CMYK and palettes become RGB. Raises UnreadableImage, whatever is
    wrong with the file.

    data: the file's content.
    key: its name, for messages.
    options: channels and size.
    values: which values of more than 8 bits mean black and white.
    page: of a TIFF, or frame of an animation, from 0.
    """
    if not data:
        raise UnreadableImage(key, "the file is empty")
    with tiff_complaints() as complaints:
        try:
            with open_page(data, page) as opened:
                eight_bits = _to_eight_bits(opened, values, lambda: open_page(data, page))
                pixels = _to_pixels(eight_bits, options)
        except Exception as error:  # Pillow's plugins raise almost anything on damaged files
            reason = f"{complaints[0]} (libtiff)" if complaints else _reason(error, data)
            raise UnreadableImage(key, reason) from error
    # libtiff complains and gives what it could read: half a picture is none.
    if complaints:
        raise UnreadableImage(key, f"{complaints[0]} (libtiff)")
    return pixels


def open_page(data: bytes, page: int = 0) -> Image.Image:
    """Open one page of a picture file, undecoded; raises as Pillow does."""
    opened = open_image(io.BytesIO(data))
    if page:
        opened.seek(page)
    return opened


def picture_pixels(
    picture: Image.Image, options: DecodeOptions = AS_STORED, values: ValueRanges = FULL
) -> np.ndarray:
    """Bring a Pillow image to (H, W, C) uint8 as `decode_picture` does with a file.

    The image itself stays as it is. Raises ValueError for values outside the range that means black
    and white.
    """
    eight_bits = _to_eight_bits(picture.copy(), values, picture.copy)
    return _to_pixels(eight_bits, options)


def picture_size(data: bytes, key: str, page: int = 0) -> tuple[int, int]:
    """Return (height, width) after EXIF rotation, from the file's header alone.

    Raises UnreadableImage.
    """
    if not data:
        raise UnreadableImage(key, "the file is empty")
    # What is damaged behind the header is reported when it is decoded.
    with tiff_complaints():
        try:
            with open_page(data, page) as opened:
                width, height = opened.size
                turned = opened.getexif().get(_ORIENTATION, 1) in _ON_THEIR_SIDE
        except Exception as error:  # as when decoding
            raise UnreadableImage(key, _reason(error, data)) from error
    return (width, height) if turned else (height, width)


@contextmanager
def quiet_pillow() -> Iterator[None]:
    """Silence Pillow's warnings about single files.

    What cannot be used is reported as UnreadableImage instead.
    """
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", module=r"PIL\..*")
        warnings.simplefilter("ignore", Image.DecompressionBombWarning)
        yield


def _to_pixels(opened: Image.Image, options: DecodeOptions) -> np.ndarray:
    # A JPEG can be decoded at 1/2, 1/4 or 1/8 of its size, which saves most of the time. Twice the
    # pixels that are needed are left for antialiasing.
    if options.short_side is not None:
        factor = 2 * options.short_side / min(opened.size)
        width = int(opened.width * factor)
        height = int(opened.height * factor)
        opened.draft(None, (width, height))
    ImageOps.exif_transpose(opened, in_place=True)
    image = _to_mode(opened, options.channels)
    pixels = np.asarray(image)
    if pixels.ndim == 2:
        pixels = pixels[:, :, None]  # gray: (H, W) -> (H, W, 1)
    return shrink_pixels(pixels, options.short_side, is_alpha_last=image.mode == "RGBA")


def _to_mode(image: Image.Image, channels: int | None) -> Image.Image:
    """Bring any Pillow mode to L, RGB or RGBA."""
    if channels is not None and channels not in _MODES:
        raise ValueError(f"a picture file has 1, 3 or 4 channels, not {channels}")
    if channels is None:
        is_gray = image.mode in _GRAY_MODES or image.mode.startswith("I")
        channels = 1 if is_gray else 3
    mode = _MODES[channels]
    # Plain conversion would show whatever color lies behind transparent pixels.
    if image.has_transparency_data and mode != "RGBA":
        picture = image.convert("RGBA")
        white = Image.new("RGBA", picture.size, "white")
        image = Image.alpha_composite(white, picture).convert("RGB")
    return image if image.mode == mode else image.convert(mode)


def _to_eight_bits(
    image: Image.Image, values: ValueRanges, again: Callable[[], Image.Image]
) -> Image.Image:
    """Bring values of more than 8 bits to 8 under a range.

    Other pictures stay as they are, undecoded. `again` opens the same picture anew.
    """
    if not is_deep(image):
        return image
    return read_deep(image, again).to_image(values)


def _reason(error: Exception, data: bytes) -> str:
    """Why a file cannot be read, as the end of a sentence."""
    if isinstance(error, UnidentifiedImageError):
        description = describe_tiff(data)
        if description is not None:
            return (
                f"it is {description}; pictures have 1, 3 or 4 bands of up to 16 bits, or one of"
                " 32: save arrays (H, W, BANDS) as .npy to use all, or choose bands"
            )
        return "the content is not a picture in a known format"
    if isinstance(error, Image.DecompressionBombError):
        # Pillow warns above its limit and refuses above twice the limit.
        millions = 2 * (Image.MAX_IMAGE_PIXELS or 0) / 1e6
        return f"it has more than {millions:,.0f} million pixels (a decompression bomb?)"
    return str(error).rstrip(".") or type(error).__name__
