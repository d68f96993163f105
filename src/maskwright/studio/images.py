"""Arrays as picture files that a page can show."""

from __future__ import annotations

import base64
import io

import numpy as np
from PIL import Image


def to_png(pixels: np.ndarray) -> bytes:
    """Encode (h, w, C) uint8 of 1, 3 or 4 channels exactly, quickly rather than small."""
    # Pillow takes gray pictures as (h, w).
    image = Image.fromarray(pixels[..., 0] if pixels.shape[2] == 1 else pixels)
    buffer = io.BytesIO()
    image.save(buffer, format="png", compress_level=1)
    return buffer.getvalue()


def to_address(data: bytes, kind: str = "image/png") -> str:
    """The bytes of a file as a data address, to be put into an answer beside numbers."""
    return f"data:{kind};base64,{base64.b64encode(data).decode()}"
