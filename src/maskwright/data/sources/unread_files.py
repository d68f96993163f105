"""Files beside the pictures that are not read: counted and named by their endings, so that nobody
takes them for learned.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import PurePosixPath

_LOOKED_FOR = "jpg jpeg png webp bmp gif tif npy ..."
_MOST_NAMED = 6
_ABOUT = frozenset(
    {"txt", "csv", "tsv", "lst", "json", "jsonl", "xml", "yaml", "yml", "toml", "cfg", "ini"}
    | {"md", "rst", "html", "htm", "pdf", "log", "db", "py", "ipynb", "sh", "cls", "url", "md5"}
)
"""Endings of files that say something about pictures and hold none."""
_NAMES_ABOUT = ("readme", "license", "licence", "copying", "authors", "makefile")
_PACKED = frozenset({"zip", "tar", "gz", "tgz", "bz2", "xz", "7z", "rar"})


def describe_unread(keys: Iterable[str]) -> tuple[str, ...]:
    """A note that counts files by ending, or nothing for files that only say something about the
    pictures.
    """
    others = [key for key in keys if not _is_about(key)]
    if not others:
        return ()
    packed = any(_ending(key) in _PACKED for key in others)
    way = "convert what holds pictures, for example to png" + (
        ", and unpack archives or name one as the data" if packed else ""
    )
    return (f"Not read: {_counted(others, _MOST_NAMED)}; {way}.",)


def nothing_found(place: str, pattern: str | None, keys: Sequence[str]) -> str:
    """The sentence for a place without a picture, with what is there instead."""
    where = f"'{place}'" + (f" matching '{pattern}'" if pattern else "")
    if not keys:
        return f"No pictures found in {where}: there are no files. Check the path."
    endings = {_ending(key) for key in keys}
    way = "Convert them, for example to png"
    if "tar" in endings:
        way = f"Name them by a pattern: '{place.rstrip('/')}/*.tar'"
    elif "zip" in endings:
        way = f"Name one of them: {place.rstrip('/')}/NAME.zip"
    return (
        f"No pictures found in {where} (looked for {_LOOKED_FOR}; found {_counted(keys, 4)}). "
        f"{way}, or give another place."
    )


def _counted(keys: Iterable[str], most: int) -> str:
    counts = Counter(f".{_ending(key)}" if _ending(key) else "without extension" for key in keys)
    named = ", ".join(f"{count:,} {kind}" for kind, count in counts.most_common(most))
    left = sum(counts.values()) - sum(count for _, count in counts.most_common(most))
    return named + (f" and {left:,} others" if left and most == _MOST_NAMED else "")


def _is_about(key: str) -> bool:
    name = PurePosixPath(key).name.lower()
    return _ending(key) in _ABOUT or name.startswith(_NAMES_ABOUT)


def _ending(key: str) -> str:
    return PurePosixPath(key).suffix[1:].lower()
