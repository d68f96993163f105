"""Files beside the pictures that are not read, counted by their endings.

Nobody shall believe that something was learned from them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import PurePosixPath

_LOOKED_FOR = "jpg jpeg png webp bmp gif tif npy ..."
_MOST_NAMED = 6  # endings in a note
_MOST_INSTEAD = 4  # endings in the message for a place without pictures
_ABOUT = frozenset(
    {"txt", "csv", "tsv", "lst", "json", "jsonl", "xml", "yaml", "yml", "toml", "cfg", "ini"}
    | {"md", "rst", "html", "htm", "pdf", "log", "db", "py", "ipynb", "sh", "cls", "url", "md5"}
)
"""Endings of files that say something about pictures and hold none."""
_NAMES_ABOUT = ("readme", "license", "licence", "copying", "authors", "makefile")
_PACKED = frozenset({"zip", "tar", "gz", "tgz", "bz2", "xz", "7z", "rar"})


def describe_unread(keys: Iterable[str]) -> tuple[str, ...]:
    """A note that counts files by ending, without those that only describe the pictures."""
    others = [key for key in keys if not _is_about(key)]
    if not others:
        return ()
    advice = "convert what holds pictures, for example to png"
    if any(_ending(key) in _PACKED for key in others):
        advice += ", and unpack archives or name one as the data"
    counts, left = _count_endings(others, _MOST_NAMED)
    more = f" and {left:,} others" if left else ""
    return (f"Not read: {counts}{more}; {advice}.",)


def no_pictures_message(location: str, pattern: str | None, keys: Sequence[str]) -> str:
    """The sentence for a place without a picture, with what is there instead."""
    where = f"'{location}'"
    if pattern:
        where += f" matching '{pattern}'"
    if not keys:
        return f"No pictures found in {where}: there are no files. Check the path."
    # A folder of shards is the likeliest mistake, then one of .zip files.
    endings = {_ending(key) for key in keys}
    advice = "Convert them, for example to png"
    if "tar" in endings:
        advice = f"Name them by a pattern: '{location.rstrip('/')}/*.tar'"
    elif "zip" in endings:
        advice = f"Name one of them: {location.rstrip('/')}/NAME.zip"
    counts, _ = _count_endings(keys, _MOST_INSTEAD)
    return (
        f"No pictures found in {where} (looked for {_LOOKED_FOR}; found {counts}). {advice}, or"
        " give another place."
    )


def _count_endings(keys: Sequence[str], most: int) -> tuple[str, int]:
    """How many files there are of the most frequent endings, and how many others there are."""
    counts = Counter(map(_ending, keys))
    left = len(keys)
    words = []
    for ending, count in counts.most_common(most):
        name = f".{ending}" if ending else "without extension"
        words.append(f"{count:,} {name}")
        left -= count
    return ", ".join(words), left


def _is_about(key: str) -> bool:
    name = PurePosixPath(key).name.lower()
    return _ending(key) in _ABOUT or name.startswith(_NAMES_ABOUT)


def _ending(key: str) -> str:
    return PurePosixPath(key).suffix[1:].lower()
