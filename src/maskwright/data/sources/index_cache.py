"""Indexes of large files, read once and kept in the cache."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from maskwright.data.sources.file_names import slug
from maskwright.support.array_file import write_npz
from maskwright.support.errors import MaskwrightError
from maskwright.support.files import hash_strings
from maskwright.support.variables import cache_folder

Arrays = dict[str, np.ndarray]


def cached_index(path: Path, kind: str, version: str, read: Callable[[Path], Arrays]) -> Arrays:
    """The arrays of a file's index, from the cache or read and written there.

    kind: the folder of the cache.
    version: of the arrays; another one is read anew.
    read: reads the file.
    """
    # A file of another size or date is another file.
    identity = [str(path.resolve()), file_stamp(path)]
    return cached_arrays(path.stem, identity, kind, version, lambda: read(path))


def cached_arrays(
    stem: str, identity: Sequence[str], kind: str, version: str, read: Callable[[], Arrays]
) -> Arrays:
    """The same of anything that has a name and an identity.

    stem: what its file in the cache is called, before its identity.
    identity: where it lies, and what changes when it does.
    """
    name = hash_strings([version, *identity])
    cached = cache_folder() / kind / f"{slug(stem)}-{name}.npz"
    if not cached.exists():
        arrays = read()
        write_npz(cached, arrays, compressed=False)
    with cached.open("rb") as file, np.load(file, allow_pickle=False) as loaded:
        return {name: loaded[name] for name in loaded.files}


def file_stamp(path: Path) -> str:
    """Name, size and date of a file; raises MaskwrightError where it cannot be read."""
    try:
        facts = path.stat()
    except OSError as error:
        raise MaskwrightError(f"Cannot read the shard '{path}': {error.strerror}.") from error
    return f"{path.name}-{facts.st_size}-{facts.st_mtime_ns}"
