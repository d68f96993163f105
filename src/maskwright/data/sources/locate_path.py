"""From a text to a file or folder that exists, or a message with the nearest name."""

from __future__ import annotations

import difflib
import os
from collections.abc import Sequence
from pathlib import Path

from maskwright.data.sources.archives import is_archive
from maskwright.data.sources.globs import is_pattern
from maskwright.data.sources.source_kind import LocatedPath
from maskwright.support.errors import MaskwrightError

_SIMILAR = 0.6  # difflib's own default: a letter or two are wrong


def locate_path(text: str, prefixes: Sequence[str]) -> LocatedPath:
    """Cut a text into a file or folder that exists and what to look for inside it.

    prefixes: the words that names of sources begin with, for suggestions.

    Raises MaskwrightError when there is no such file or folder.
    """
    path = Path(text).expanduser()
    if path.exists():
        return LocatedPath(path)
    # The longest part that exists is the place to look in; what follows it says what to look for.
    parent = next((parent for parent in path.parents if parent.exists()), Path())
    inside = path.relative_to(parent).as_posix()
    in_archive = parent.is_file() and is_archive(parent)
    in_folder = parent.is_dir() and is_pattern(inside)
    if in_archive or in_folder:
        return LocatedPath(parent, inside)
    suggestion = _suggest_name(text, prefixes) or _suggest_path(parent, inside)
    raise MaskwrightError(f"There is no file or folder '{text}'.{suggestion}")


def _suggest_name(text: str, prefixes: Sequence[str]) -> str:
    """A suggestion for `torchvison:STL10` and the like, or nothing."""
    word, colon, name = text.partition(":")
    if not colon:
        return ""
    near = difflib.get_close_matches(word.lower(), prefixes, n=1, cutoff=_SIMILAR)
    return f" Did you mean '{near[0]}:{name}'?" if near else ""


def _suggest_path(parent: Path, inside: str) -> str:
    """A suggestion of a name in the last folder that exists, or nothing."""
    first = inside.split("/")[0]
    near = difflib.get_close_matches(first, _names_in(parent), n=1, cutoff=_SIMILAR)
    return f" Did you mean '{parent / near[0]}'?" if near else ""


def _names_in(folder: Path) -> list[str]:
    try:
        return os.listdir(folder)
    except OSError:
        return []  # only used for a suggestion
