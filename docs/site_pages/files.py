"""What is kept from one build to the next: pages that stay alike, and stamps of source code."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Iterable
from pathlib import Path

import maskwright

PACKAGE = Path(maskwright.__file__).parent
PAGES = Path(__file__).parent


def write_changed(path: Path, text: str) -> None:
    """Write a page unless it says that already: Sphinx reads again what was written."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if not path.exists() or path.read_text(encoding="utf-8") != text:
        path.write_text(text, encoding="utf-8")


def stamp_of(rooms: Iterable[str], *more: str) -> str:
    """Changes when the code of these rooms, what draws the site, or one of the texts changes.

    rooms: of the package, `.` for all.
    """
    digest = hashlib.sha256()
    sources = [*PAGES.glob("*.py")]
    for room in rooms:
        sources += (PACKAGE / room).rglob("*.py")
    for path in sorted(sources):
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
