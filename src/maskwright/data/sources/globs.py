"""Patterns as a shell reads them: * ? [!a] inside one folder, ** across folders, {jpg,png} and
{000..127}; in one place for all data.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from pathlib import Path

import bracex
from wcmatch import glob

# A pattern with more spellings than wcmatch's limit of 1,000 (shards of a large set) is meant so.
_FLAGS = glob.GLOBSTAR | glob.BRACE | glob.DOTGLOB
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
    """A test for keys with forward slashes; a plain folder name takes all that is below it. Case
    counts.
    """
    if not is_pattern(pattern):
        folder = pattern.rstrip("/")
        return lambda key: key == folder or key.startswith(f"{folder}/")
    spelled = _JOINED_STARS.sub(_STARS_ANYWHERE, pattern.rstrip("/"))
    compiled = glob.compile(spelled, flags=_AMONG_KEYS, limit=0)
    return lambda key: bool(compiled.match(key))


def format_braces(text: str) -> list[str]:
    """All spellings of a text with {first..last} and {one,two} in it; numbers keep their leading
    zeros.
    """
    return bracex.expand(text, keep_escapes=True, limit=0)


def matching_files(texts: Iterable[str]) -> list[Path]:
    """The files that match any of the patterns, each once, sorted."""
    found = {Path(match) for text in texts for match in glob.glob(text, flags=_FLAGS, limit=0)}
    return sorted(found)
