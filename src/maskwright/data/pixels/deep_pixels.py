"""Pictures whose values have more than 8 bits, all of which are kept.

10 to 16 bits in PNG and TIFF, signed values, 32 bits and floats.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from PIL import Image

from maskwright.data.pixels.value_range import ValueRanges

_ORIENTATION = 0x0112  # EXIF's tag
# Tags of TIFF: BitsPerSample and SampleFormat, whose value 2 means signed whole numbers.
_BITS = 258
_SAMPLE_FORMAT = 339
_UNSIGNED = 1
_SIGNED = 2
# Endings of Pillow's raw modes: 16 bits with the large (B) or the small (L) byte first.
_OTHER_BYTE = {"16B": "16L", "16L": "16B"}
_NATIVE = "16L" if sys.byteorder == "little" else "16B"


@dataclass(frozen=True, kw_only=True, eq=False)
class DeepPicture:
    """The values of a picture as its file holds them.

    values: (H, W) or (H, W, 3) of any number type.
    alpha: (H, W) uint8 or None.
    orientation: EXIF's, 1 when the picture stands upright.
    """

    values: np.ndarray
    alpha: np.ndarray | None = None
    orientation: int = 1

    def to_image(self, ranges: ValueRanges) -> Image.Image:
        """An 8-bit picture under a range; raises ValueError for values that it does not hold."""
        value_range = ranges.of(self.values.dtype)
        image = Image.fromarray(value_range.to_bytes(self.values))
        if self.alpha is not None:
            alpha = Image.fromarray(self.alpha)
            mode = "LA" if image.mode == "L" else "RGBA"
            image = Image.merge(mode, [*image.split(), alpha])
        # The picture is turned later, as one of 8 bits is.
        image.getexif()[_ORIENTATION] = self.orientation
        return image


def is_deep(opened: Image.Image) -> bool:
    """Whether a picture has more than 8 bits a value, or signed ones, by its header alone."""
    # Pillow's own modes of more than 8 bits are I, I;16 and F; others hide behind modes of 8.
    is_open = opened.mode.startswith("I") or opened.mode == "F"
    return is_open or _is_signed(opened) or _is_16(opened)


def read_deep(opened: Image.Image, again: Callable[[], Image.Image]) -> DeepPicture:
    """Read the values of a deep picture; `again` opens the same one anew.

    Raises ValueError for 16-bit files of which Pillow gives half of the bits, or wrong ones.
    """
    if _is_16(opened):
        return _read_color(opened, again)
    values = np.asarray(opened)  # (H, W)
    is_32 = opened.mode == "I" and _tag(opened, _BITS) == 32
    if _is_signed(opened):
        values = values.view(np.int8)
    elif is_32 and _tag(opened, _SAMPLE_FORMAT) == _UNSIGNED:
        values = values.view(np.uint32)  # Pillow has no unsigned 32-bit mode
    elif opened.mode.startswith("I;16"):
        values = values.astype(np.uint16)  # of either byte order
    return DeepPicture(
        values=values,
        alpha=_keyed_out(opened, values),
        orientation=_orientation(opened),
    )


def _read_color(opened: Image.Image, again: Callable[[], Image.Image]) -> DeepPicture:
    """Put together 16-bit color, of which Pillow keeps one byte.

    Decoding again with the byte order turned round gives the other.
    """
    # Pillow reads planes of 16 bits as if they had 8, and has no second byte of other modes.
    is_plane = _raw_mode(opened) in ("R", "G", "B", "A")
    if is_plane or opened.mode not in ("RGB", "RGBA", "RGBX"):
        raise ValueError(
            f"it holds 16-bit values in a form that cannot be read whole ({opened.mode}); "
            "save it as 16-bit gray, RGB or RGBA with interleaved colors"
        )
    swapped: Any = again()
    raw = _raw_mode(swapped)  # such as RGB;16B; N at the end means the machine's own order
    order = raw[-3:].replace("16N", _NATIVE)
    other = raw[:-3] + _OTHER_BYTE[order]
    swapped.tile = [_arranged(tile, other) for tile in swapped.tile]
    high = np.asarray(opened)  # (H, W, 3 or 4) larger bytes
    low = np.asarray(swapped)  # (H, W, 3 or 4) smaller bytes
    large = high[:, :, :3].astype(np.uint16)
    values = (large << 8) | low[:, :, :3]  # (H, W, 3) uint16
    if opened.mode == "RGBA":
        alpha: np.ndarray | None = high[:, :, 3]  # 8 bits are enough for alpha
    else:
        alpha = _keyed_out(opened, values)
    return DeepPicture(
        values=values,
        alpha=alpha,
        orientation=_orientation(opened),
    )


def _arranged(tile: Any, raw: str) -> Any:
    """One strip or tile of a file, its bytes taken in another arrangement."""
    if isinstance(tile.args, str):
        return tile._replace(args=raw)
    return tile._replace(args=(raw, *tile.args[1:]))


def _keyed_out(opened: Image.Image, values: np.ndarray) -> np.ndarray | None:
    """(H, W) uint8, 0 where a PNG names one value as transparent; None without such a value."""
    key = opened.info.get("transparency")  # bytes where a palette has an alpha for each color
    if not isinstance(key, (int, tuple)):
        return None
    same = values == np.array(key)  # (H, W) or (H, W, 3)
    hidden = same.all(axis=2) if same.ndim == 3 else same
    return np.where(hidden, 0, 255).astype(np.uint8)


def _is_16(opened: Image.Image) -> bool:
    """Whether 16-bit values stand behind a mode of Pillow that holds 8."""
    if opened.mode.startswith("I"):
        return False
    if ";16" in _raw_mode(opened):
        return True
    # Planes of a TIFF do not say so in their raw mode. Only a TIFF has the tag.
    return opened.mode != "F" and _tag(opened, _BITS) == 16


def _is_signed(opened: Image.Image) -> bool:
    return opened.mode == "L" and _tag(opened, _SAMPLE_FORMAT) == _SIGNED


def _raw_mode(opened: Image.Image) -> str:
    """How the bytes of a file are arranged, in Pillow's words.

    Empty once it is decoded, and for pictures in memory.
    """
    tiles = getattr(opened, "tile", None)
    args = tiles[0].args if tiles else ""
    # Some plugins give the raw mode alone, others a tuple that begins with it.
    raw = args[0] if isinstance(args, tuple) and args else args
    return raw if isinstance(raw, str) else ""


def _tag(opened: Image.Image, number: int) -> int | None:
    """The first value of a TIFF tag; None for other formats."""
    tags = getattr(opened, "tag_v2", None)
    if tags is None or opened.format != "TIFF":
        return None
    value = tags.get(number)
    if isinstance(value, tuple):  # a value for each band
        value = value[0] if value else None
    return None if value is None else int(value)


def _orientation(opened: Image.Image) -> int:
    return int(opened.getexif().get(_ORIENTATION, 1))
