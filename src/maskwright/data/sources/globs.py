"""Patterns as a shell reads them, in one place for all data.

* ? [!a] match inside one folder, ** across folders; {jpg,png} and {000..127} are written out.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from pathlib import Path

import bracex
from wcmatch import glob

_FLAGS = glob.GLOBSTAR | glob.BRACE | glob.DOTGLOB
# Shards of a large set stand for more names than the 1,000 that wcmatch and bracex allow.
_NO_LIMIT = 0
# Keys have forward slashes and tell upper from lower case on every system.
_AMONG_KEYS = _FLAGS | glob.CASE | glob.FORCEUNIX
_MAGIC = re.compile(r"[*?\[{]")
# ** beside other letters of a name spans folders too; wcmatch lets it span them only where it
# stands alone between slashes.
_JOINED_STARS = re.compile(r"(?<=[^/])\*\*|\*\*(?=[^/])")
_STARS_ANYWHERE = "{*,*/**/*}"


def is_pattern(text: str) -> bool:
    """Whether a text holds anything that a pattern is made of."""
    return bool(_MAGIC.search(text))


def matcher(pattern: str) -> Callable[[str], bool]:
    """A test for keys with forward slashes, in which case counts.

    A plain folder name takes all that is below it.
    """
    if not is_pattern(pattern):
        folder = pattern.rstrip("/")
        return lambda key: key == folder or key.startswith(f"{folder}/")
    portable = _JOINED_STARS.sub(_STARS_ANYWHERE, pattern.rstrip("/"))
    compiled = glob.compile(portable, flags=_AMONG_KEYS, limit=_NO_LIMIT)
    return lambda key: bool(compiled.match(key))


def format_braces(text: str) -> list[str]:
    """All texts that {first..last} and {a,b} in a text stand for; leading zeros stay."""
    return bracex.expand(text, keep_escapes=True, limit=_NO_LIMIT)


def matching_files(texts: Iterable[str]) -> list[Path]:
    """The files that match any of the patterns, each once, sorted."""
    files: set[Path] = set()
    for text in texts:
        files.update(map(Path, glob.glob(text, flags=_FLAGS, limit=_NO_LIMIT)))
    return sorted(files)
