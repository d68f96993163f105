"""The one door through which Pillow opens files of people's data."""

from __future__ import annotations

from pathlib import Path
from typing import IO

from PIL import Image

# Pillow draws these by starting Ghostscript: a program that runs what the file says.
_PROGRAMS = ("EPS",)


def open_image(file: Path | IO[bytes]) -> Image.Image:
    """Open a picture, undecoded, whatever its name says; raises as Pillow does.

    Raises OSError also for a page description, which another program would have to run.
    """
    opened = Image.open(file)
    # By what is inside: a page description may be named .png. Only decoding would start it.
    if opened.format in _PROGRAMS:
        opened.close()
        raise OSError(f"{opened.format} is a program that draws; save the picture as PNG or JPEG")
    return opened
