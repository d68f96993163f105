"""One kind of source as the catalog lists it: what it is, what it takes and how it is opened."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from maskwright.data.pixels.value_range import UNKNOWN, ValueRanges
from maskwright.data.sources.source import Source


@dataclass(frozen=True)
class LocatedPath:
    """A file or folder that exists, and what to look for inside it.

    path: the file or folder.
    pattern: a folder or glob pattern inside it; None for all of it.
    """

    path: Path
    pattern: str | None = None


@dataclass(frozen=True, kw_only=True)
class OpenOptions:
    """How a source is opened.

    split: the part to open; None for all, or for the kind's default.
    root: where torchvision keeps its files.
    ranges: what means black and white; unknown where it is to be measured.
    column: of labels, for kinds that have columns; None for the usual one.
    """

    split: str | None = None
    root: Path | None = None
    ranges: ValueRanges = UNKNOWN
    column: str | None = None


def _accept_all(data: object) -> bool:
    return True  # the type alone decides


@dataclass(frozen=True, kw_only=True)
class SourceKind:
    """A kind of source.

    name: its name in the catalog.
    noun: what messages call it, with its article.
    takes: `str` for a name that need not exist on disk, `LocatedPath` for files and folders, or a
        class of Python objects.
    open: opens data of this kind.
    accepts: whether data of the type `takes` is of this kind; by default all of it is.
    prefix: what a name begins with before its colon, where this kind has one.
    has_columns: whether a column of the data itself may hold the labels.
    """

    name: str
    noun: str
    takes: type
    open: Callable[[Any, OpenOptions], Source]
    accepts: Callable[[Any], bool] = _accept_all
    prefix: str = ""
    has_columns: bool = False

    def matches(self, data: object) -> bool:
        """Whether data, a text, a located path or a Python object, is of this kind."""
        return isinstance(data, self.takes) and self.accepts(data)
