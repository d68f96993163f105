"""Pictures laid out in memory as Pillow 4 did, for a detector that was compiled against it.

The compiled part of `animeface` takes a Pillow picture and reads its memory directly. Later
versions of Pillow have another layout, in which it finds a height of 0 and silently no face. The
package is installed compiled, so a picture is laid out here as it expects it.
"""

from __future__ import annotations

import ctypes
from typing import Any

import numpy as np

# So many references that the interpreter never tries to free what it did not make.
_NEVER_FREED = 1 << 30


class _Picture(ctypes.Structure):
    """struct ImagingMemoryInstance of Pillow 4.2."""

    _fields_ = [
        ("mode", ctypes.c_char * 7),
        ("type", ctypes.c_int),
        ("depth", ctypes.c_int),
        ("bands", ctypes.c_int),
        ("width", ctypes.c_int),
        ("height", ctypes.c_int),
        ("palette", ctypes.c_void_p),
        ("image8", ctypes.c_void_p),
        ("image32", ctypes.c_void_p),
        ("image", ctypes.c_void_p),
        ("block", ctypes.c_void_p),
        ("pixel_size", ctypes.c_int),
        ("line_size", ctypes.c_int),
        ("destroy", ctypes.c_void_p),
    ]


class _PythonObject(ctypes.Structure):
    """A Python object that holds such a picture: reference count, type, pointer."""

    _fields_ = [
        ("references", ctypes.c_ssize_t),
        ("type", ctypes.c_void_p),
        ("picture", ctypes.c_void_p),
    ]


def has_known_objects() -> bool:
    """Whether this build of Python begins its objects as `_PythonObject` does."""
    # 16 bytes: a reference count and a type. Builds without a global lock have more.
    return object.__basicsize__ == 16


def detect_in(detect: Any, pixels: np.ndarray) -> list[dict[str, Any]]:
    """Call a compiled detector on a (H, W, 3) uint8 picture; gives the faces that it finds."""
    height, width = pixels.shape[:2]
    # Four bytes a pixel, the last of them unused.
    values = np.full((height, width, 4), 255, dtype=np.uint8)
    values[:, :, :3] = pixels

    # A pointer to each row. `values` and `rows` must live as long as the detector reads them.
    line_size = 4 * width
    first = values.ctypes.data
    addresses = [first + row * line_size for row in range(height)]
    rows = (ctypes.c_void_p * height)(*addresses)
    picture = _Picture(
        mode=b"RGB",
        bands=3,
        width=width,
        height=height,
        image32=ctypes.addressof(rows),
        image=ctypes.addressof(rows),
        pixel_size=4,
        line_size=line_size,
    )
    holder = _PythonObject(
        references=_NEVER_FREED,
        type=id(object),
        picture=ctypes.addressof(picture),
    )
    handed = ctypes.cast(ctypes.addressof(holder), ctypes.py_object).value
    faces = detect(handed)
    # Gives its reference back while `holder` is still there.
    del handed
    return faces
