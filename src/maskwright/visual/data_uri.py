"""Small pictures written into a page itself, so that it needs no other file."""

from __future__ import annotations

import base64
import io

import numpy as np
from PIL import Image

# A page with hundreds of pictures stays a few megabytes at this side; pictures of CIFAR's size are
# kept exactly, because a lossy 32 pixels are hard to judge.
MOST_SIDE = 144
_EXACT_SIDE = 64


def to_data_uri(picture: np.ndarray) -> str:
    """Encode a (H, W, 3) uint8 picture as a WebP data URI.

    Pictures of up to 64 pixels are exact, larger ones are shrunk to 144 and compressed.
    """
    image = Image.fromarray(picture)
    longest = max(image.size)
    if longest > MOST_SIDE:
        size = [max(1, round(side * MOST_SIDE / longest)) for side in image.size]
        image = image.resize(size, Image.Resampling.LANCZOS)
    buffer = io.BytesIO()
    image.save(buffer, format="webp", lossless=longest <= _EXACT_SIDE, quality=80, method=4)
    return "data:image/webp;base64," + base64.b64encode(buffer.getvalue()).decode()
