"""What libtiff complains of while a file is decoded, kept for the file's report.

Left alone, libtiff writes it to the terminal.
"""

from __future__ import annotations

import ctypes
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from io import BytesIO
from typing import Any

from PIL import Image
from PIL.TiffImagePlugin import ImageFileDirectory_v2

_LONGEST = 300  # bytes of a complaint
# Tags of TIFF: BitsPerSample, SamplesPerPixel and SampleFormat.
_BITS = 258
_BANDS = 277
_SAMPLE_FORMAT = 339
_BIG_TIFF = 43  # its version; plain TIFF has 42
_KINDS = {1: "whole numbers", 2: "signed numbers", 3: "floats"}
_here = threading.local()
# (module, format, arguments): libtiff's error handler; the arguments are C's va_list, handed on as
# the pointer that it is.
_HANDLER = ctypes.CFUNCTYPE(None, ctypes.c_char_p, ctypes.c_char_p, ctypes.c_void_p)


@contextmanager
def tiff_complaints() -> Iterator[list[str]]:
    """Collect what libtiff reports in this thread while the block runs.

    libtiff calls the handler in the thread that decodes, so threads do not see each other's files,
    nothing is redirected and nothing waits. Where Pillow's libtiff cannot be reached (linked into
    Pillow on Windows), its lines go to the terminal as before.
    """
    _install()
    _here.complaints = []
    try:
        yield _here.complaints
    finally:
        _here.complaints = None


def describe_tiff(data: bytes) -> str | None:
    """What a TIFF holds that Pillow cannot read, from its header; None for other files.

    For example 'a TIFF with 10 bands of 16 bits, whole numbers'.
    """
    # Either byte order, and the versions 42 (*) and 43 (+).
    if data[:4] not in (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"):
        return None
    try:
        tags = _first_directory(data)
        bands = tags.get(_BANDS, 1)
        bits = tags.get(_BITS, (1,))[0]  # of the first band
        kind = _KINDS.get(tags.get(_SAMPLE_FORMAT, (1,))[0], "values of another kind")
    except Exception:  # a damaged header raises almost anything
        return "a TIFF whose header is damaged"
    return f"a TIFF with {bands} band{'s' * (bands != 1)} of {bits} bits, {kind}"


def _first_directory(data: bytes) -> Any:
    """The tags of the first page, read by Pillow's parser, which does not decode it."""
    size = 16 if _BIG_TIFF in data[2:4] else 8  # bytes of the header
    tags: Any = ImageFileDirectory_v2(data[:size])
    file = BytesIO(data)
    file.seek(tags.next)
    tags.load(file)
    return tags


@cache
def _install() -> Any:
    """Set the handler of the libtiff that Pillow loaded, once a process.

    It is returned so that the cache keeps it alive: C code holds its address and no reference.
    """
    try:
        setter = ctypes.CDLL(Image.core.__file__).TIFFSetErrorHandler
        format_message = ctypes.CDLL(None).vsnprintf  # C's own, since only C can read a va_list
    except (OSError, AttributeError, TypeError):
        return None

    def handle(module: bytes | None, form: bytes, arguments: int) -> None:
        buffer = ctypes.create_string_buffer(_LONGEST)
        format_message(buffer, ctypes.c_size_t(_LONGEST), form, ctypes.c_void_p(arguments))
        text = buffer.value.decode(errors="replace").rstrip(".")
        complaints = getattr(_here, "complaints", None)
        if complaints is None:  # somebody else's use of Pillow in this process
            sys.stderr.write(f"{text}.\n")
        else:
            complaints.append(text)

    handler = _HANDLER(handle)
    setter.argtypes = [_HANDLER]
    setter.restype = ctypes.c_void_p
    setter(handler)
    return handler
