"""Which Parquet files a path, pattern or list stands for, and the splits that their names say."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from pathlib import Path, PurePosixPath

from maskwright.data.sources.file_names import PICTURE_EXTENSIONS, extension, slug
from maskwright.data.sources.folder_splits import order_splits
from maskwright.data.sources.globs import format_braces, is_pattern, matching_files
from maskwright.data.sources.source_kind import LocatedPath
from maskwright.support.errors import MaskwrightError

ENDING = ".parquet"
# train-00000-of-00002.parquet, as Hugging Face names shards.
_SHARD_OF = re.compile(r"(.+?)-\d{5}-of-\d{5}$")


def split_of(name: str) -> str | None:
    """The split that a file's name or folder says: train-00000-of-00002.parquet, test/0.parquet."""
    path = PurePosixPath(name)
    if match := _SHARD_OF.fullmatch(path.stem):
        return match[1]
    # Otherwise a usual name alone counts: features.parquet is no split.
    for word in (*path.parts[:-1], re.split(r"[-_.\d]", path.stem)[0]):
        if order_splits({word}):
            return word
    return None


def splits_of(splits: Sequence[str | None]) -> tuple[str, ...]:
    """The splits that can be chosen: none unless every file has one.

    Usual names stand in their order; others, such as unlabeled, need at least two.
    """
    usual = order_splits({split or "" for split in splits})
    if usual:
        return usual
    named = dict.fromkeys(split for split in splits if split is not None)
    return () if None in splits or len(named) < 2 else tuple(named)


def name_of(location: str) -> str:
    """A short name for the data, from its file, folder or pattern."""
    path = Path(location)
    stem = _SHARD_OF.sub(r"\1", path.stem) if path.name.endswith(ENDING) else path.name
    # `data/train-*.parquet` is named after its folders.
    return slug(path.resolve().parent.name if is_pattern(stem) else stem)


def _find(folder: Path) -> list[Path]:
    """The Parquet files below a folder that holds no picture files; none elsewhere.

    Features that were written beside pictures do not make their folder one of Parquet.
    """
    found: list[Path] = []
    for place, folders, files in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        if any(extension(name) in PICTURE_EXTENSIONS for name in files):
            return []
        found += [Path(place, name) for name in files if name.endswith(ENDING)]
    return sorted(found)


def _listed(path: Path) -> list[Path]:
    """The Parquet files that a text file lists; none if it lists anything else."""
    if path.suffix not in (".txt", ".lst") or not path.is_file():
        return []
    with path.open(encoding="utf-8", errors="replace") as file:
        lines = [line.strip() for line in file]
    names = [line for line in lines if line and not line.startswith("#")]
    if not names or not all(name.endswith(ENDING) for name in names):
        return []
    return [path.parent / name for name in names]


def expand_pattern(text: str) -> list[Path]:
    """The files that braces and patterns stand for; raises MaskwrightError where none is there."""
    files = matching_files(str(Path(name).expanduser()) for name in format_braces(text))
    if not files:
        raise MaskwrightError(f"No Parquet file matches '{text}'.")
    return files


def paths_of(located: LocatedPath) -> list[Path]:
    """The Parquet files that a path stands for; none if it is something else."""
    path = located.path
    if path.is_dir():
        return _find(path) if located.pattern is None else []
    return [path] if path.name.endswith(ENDING) else _listed(path)
