"""What is kept from one build to the next: pages that stay alike, and stamps of source code."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Iterable
from pathlib import Path

import maskwright

PACKAGE = Path(maskwright.__file__).parent
# What draws the pictures of the gallery.
DRAWING = ("materials.py", "draw_pixels.py", "draw_measurements.py")


def read_drawing() -> str:
    """The code that draws the pictures of the gallery."""
    return "".join(Path(__file__).with_name(name).read_text("utf-8") for name in DRAWING)


def write_changed(path: Path, text: str) -> None:
    """Write a page unless it says that already: Sphinx reads again what was written."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if not path.exists() or path.read_text(encoding="utf-8") != text:
        path.write_text(text, encoding="utf-8")


def stamp_of(rooms: Iterable[str], *more: str) -> str:
    """Changes when the code of these rooms of the package, or one of the texts, changes.

    rooms: `.` for all.
    """
    digest = hashlib.sha256()
    for room in rooms:
        for path in sorted((PACKAGE / room).rglob("*.py")):
            digest.update(path.read_bytes())
    for text in more:
        digest.update(text.encode())
    return digest.hexdigest()[:10]


def cache_for(folder: Path, stamp: str) -> Path:
    """A folder of that stamp inside another; those of other stamps are removed."""
    if folder.exists():
        for path in folder.iterdir():
            # Only folders of ours: a file beside them is somebody else's.
            if path.is_dir() and path.name != stamp:
                shutil.rmtree(path)
    return folder / stamp
