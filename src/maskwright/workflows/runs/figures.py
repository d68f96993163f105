"""Writing pictures: arrays and figures as PNG, atomically."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from maskwright.support.errors import MaskwrightError
from maskwright.support.files import write_bytes
from maskwright.visual.png import to_png_bytes

# What people write for a picture; any other ending is part of a name.
OTHER_FORMATS = (".jpg", ".jpeg", ".webp", ".gif", ".bmp", ".tif", ".tiff", ".pdf", ".svg")


def png_place(out: str | Path) -> Path:
    """The file that a person's `--out` stands for, ending in .png.

    Raises MaskwrightError for a folder or another format.
    """
    path = Path(out)
    if path.is_dir():
        raise MaskwrightError(
            f"'{out}' is a folder; name the PNG to write, for example '{path / 'figure.png'}'."
        )
    if path.suffix.lower() in OTHER_FORMATS:
        raise MaskwrightError(
            f"Figures are written as PNG; got '{out}'. Use '{path.with_suffix('.png')}'."
        )
    if path.suffix.lower() == ".png":
        return path
    # Not `with_suffix`: in `masks-0.75` the ending is no format.
    return path.with_name(f"{path.name}.png")


def save_picture(path: Path, picture: Any) -> None:
    """Write a (H, W, 3) uint8 array or a Matplotlib figure as PNG."""
    write_bytes(path, to_png_bytes(picture))
