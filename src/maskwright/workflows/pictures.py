"""Writing pictures: arrays and figures as PNG, atomically."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from maskwright.support.files import write_atomic
from maskwright.visual.png import to_png_bytes


def save_picture(path: Path, picture: Any) -> None:
    """Write a (H, W, 3) uint8 array or a Matplotlib figure as PNG."""
    data = to_png_bytes(picture)

    def write(temporary: Path) -> None:
        temporary.write_bytes(data)

    write_atomic(path, write)
