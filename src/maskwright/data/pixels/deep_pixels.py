"""Pictures whose values have more than 8 bits: 10 to 16 bits in PNG and TIFF, signed, 32 bits,
floats; all bits of each value are kept.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from PIL import Image

from maskwright.data.pixels.value_range import ValueRanges

_ORIENTATION = 0x0112
_BITS, _PLANAR, _SAMPLE_FORMAT = 258, 284, 339
_SIGNED = 2
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
        image = Image.fromarray(ranges.of(self.values.dtype).to_bytes(self.values))
        if self.alpha is not None:
            mode = "LA" if image.mode == "L" else "RGBA"
            image = Image.merge(mode, [*image.split(), Image.fromarray(self.alpha)])
        image.getexif()[_ORIENTATION] = self.orientation
        return image


def is_deep(opened: Image.Image) -> bool:
    """Whether a picture has more than 8 bits a value, or signed ones, told from its
    header alone.
    """
    return opened.mode.startswith("I") or opened.mode == "F" or _is_signed(opened) or _is_16(opened)


def read_deep(opened: Image.Image, again: Callable[[], Image.Image]) -> DeepPicture:
    """Read the values of a deep picture; `again` opens the same one anew.

    Raises ValueError for 16-bit files of which Pillow gives half of the bits, or wrong ones.
    """
    if _is_16(opened):
        return _read_color(opened, again)
    values = np.asarray(opened)
    if _is_signed(opened):
        values = values.view(np.int8)
    elif opened.mode == "I" and _tag(opened, _BITS) == 32 and _tag(opened, _SAMPLE_FORMAT) == 1:
        values = values.view(np.uint32)  # Pillow has no unsigned 32-bit mode
    elif opened.mode.startswith("I;16"):
        values = values.astype(np.uint16)  # of either byte order
    return DeepPicture(
        values=values, alpha=_keyed_out(opened, values), orientation=_orientation(opened)
    )


def _read_color(opened: Image.Image, again: Callable[[], Image.Image]) -> DeepPicture:
    """Put together 16-bit color, of which Pillow keeps one byte: decoding again with the byte order
    turned round gives the other.
    """
    if _raw_mode(opened) in ("R", "G", "B", "A") or opened.mode not in ("RGB", "RGBA", "RGBX"):
        # Pillow reads planes of 16 bits as if they had 8, and has no second byte of other modes.
        raise ValueError(
            f"it holds 16-bit values in a form that cannot be read whole ({opened.mode}); "
            "save it as 16-bit gray, RGB or RGBA with interleaved colors"
        )
    swapped: Any = again()
    raw = _raw_mode(swapped)
    order = raw[-3:].replace("16N", _NATIVE)
    swapped.tile = [_arranged(tile, raw[:-3] + _OTHER_BYTE[order]) for tile in swapped.tile]
    high, low = np.asarray(opened), np.asarray(swapped)
    values = (high[:, :, :3].astype(np.uint16) << 8) | low[:, :, :3]
    alpha = high[:, :, 3] if opened.mode == "RGBA" else _keyed_out(opened, values)
    return DeepPicture(values=values, alpha=alpha, orientation=_orientation(opened))


def _arranged(tile: Any, raw: str) -> Any:
    """One strip or tile of a file, its bytes taken in another arrangement."""
    return tile._replace(args=raw if isinstance(tile.args, str) else (raw, *tile.args[1:]))


def _keyed_out(opened: Image.Image, values: np.ndarray) -> np.ndarray | None:
    """(H, W) uint8, 0 where a PNG names one value as transparent; None without such a value."""
    key = opened.info.get("transparency")
    if not isinstance(key, (int, tuple)):
        return None
    same = values == np.array(key)
    hidden = same.all(axis=2) if same.ndim == 3 else same
    return np.where(hidden, 0, 255).astype(np.uint8)


def _is_16(opened: Image.Image) -> bool:
    """Whether 16-bit values stand behind a mode of Pillow that holds 8."""
    if opened.mode.startswith("I"):
        return False
    return ";16" in _raw_mode(opened) or (
        opened.format == "TIFF" and _tag(opened, _BITS) == 16 and opened.mode != "F"
    )


def _is_signed(opened: Image.Image) -> bool:
    return opened.mode == "L" and _tag(opened, _SAMPLE_FORMAT) == _SIGNED


def _raw_mode(opened: Image.Image) -> str:
    """How the bytes of a file are arranged, in Pillow's words; empty once it is decoded and for
    pictures in memory.
    """
    tiles = getattr(opened, "tile", None)
    args = tiles[0].args if tiles else ""
    found = args[0] if isinstance(args, tuple) and args else args
    return found if isinstance(found, str) else ""


def _tag(opened: Image.Image, number: int) -> int | None:
    """The first value of a TIFF tag; None for other formats."""
    tags = getattr(opened, "tag_v2", None)
    found = None if tags is None or opened.format != "TIFF" else tags.get(number)
    if isinstance(found, tuple):
        return int(found[0]) if found else None
    return None if found is None else int(found)


def _orientation(opened: Image.Image) -> int:
    return int(opened.getexif().get(_ORIENTATION, 1))
