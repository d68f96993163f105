"""Names of files: the endings of pictures, and short names fit for a folder."""

from __future__ import annotations

import re
import unicodedata

PICTURE_EXTENSIONS = frozenset(
    {"jpg", "jpeg", "jpe", "jfif", "png", "apng", "webp", "bmp", "dib", "gif", "tif", "tiff"}
    | {"ppm", "pgm", "pbm", "pnm", "jp2", "avif", "ico", "tga", "npy"}
)
_LONGEST_SLUG = 40  # letters; names of folders stay readable


def extension(key: str) -> str:
    """Return a file's extension in lower case without its dot."""
    # As PurePosixPath(key).suffix, at a tenth of its time: data sets have millions of files.
    name = key.rstrip("/").rpartition("/")[2]
    start, _, ending = name.rpartition(".")
    # A dot at the beginning makes a hidden file, not an ending.
    return ending.lower() if start else ""


def slug(text: str) -> str:
    """Make a short name fit for a folder: 'My Photos (2)' gives 'my-photos-2'."""
    # Letters of any script stay. NFC joins letters and accents, which macOS keeps apart in file
    # names, so that the same folder has the same slug everywhere.
    lower = unicodedata.normalize("NFC", text).lower()
    return re.sub(r"[\W_]+", "-", lower).strip("-")[:_LONGEST_SLUG] or "data"
