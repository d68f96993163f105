"""The identity of pictures: their content, names, order and labels, not their dates or place.

A run that goes on, a store in the cache and cached features all trust it, so every byte counts.
Reading every byte each time would be slow, so what was read is remembered under the size and the
dates of its file: these decide what is read anew, never what is the same.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import time
import zlib
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import chain
from pathlib import Path

import numpy as np

from maskwright.support.environment import cpu_count
from maskwright.support.errors import MaskwrightError
from maskwright.support.files import hash_strings, read_json, write_text
from maskwright.support.variables import cache_folder

# Of what is hashed; stamps that were remembered under another format are read again.
FORMAT = "2"
_BLOCK = 1 << 25  # 32 MiB an array block: large enough for all cores, small enough for memory
_NAMES_AT_ONCE = 64  # names a task of the pool; one name each would cost more than the reading
_UNSURE_NS = 2_000_000_000  # FAT counts in steps of two seconds, the coarsest of file systems
# Size, time of the last change of the content, time of the last change of the entry.
State = tuple[int, int, int]
logger = logging.getLogger(__name__)


def identity_of(
    contents: Iterable[str], labels: Sequence[int] | None, classes: Sequence[str] | None
) -> str:
    """Hash what pictures are, in their order.

    contents: a text for the content of each.
    labels: the class number of each, or None.
    classes: the names of the classes, or None.
    """
    numbers = None if labels is None else list(labels)
    names = None if classes is None else list(classes)
    return hash_strings(chain([FORMAT], contents, [repr(numbers), repr(names)]))


def stamp_bytes(data: bytes) -> str:
    """The stamp of one file's content: size and CRC-32.

    A .zip file holds both ready for its members, so a folder and its .zip are the same.
    """
    return f"{len(data)}-{zlib.crc32(data):x}"


def stamp_file(path: str) -> str:
    """The stamp of a file on disk; raises OSError."""
    with open(path, "rb", buffering=0) as file:
        return stamp_bytes(file.readall())


def hash_rows(array: np.ndarray) -> str:
    """Hash the shape, the type and every byte of an array, blocks of rows on all cores."""
    rows = max(1, _BLOCK // max(1, array[:1].nbytes))
    if len(array) <= rows:
        return _hash_block(array)
    starts = range(0, len(array), rows)
    blocks_of_rows = (array[start : start + rows] for start in starts)
    # Threads are enough: hashlib lets the others run while it hashes.
    with ThreadPoolExecutor(cpu_count()) as pool:
        blocks = pool.map(_hash_block, blocks_of_rows)
        return hash_strings([str(array.shape), *blocks])


def _hash_block(rows: np.ndarray) -> str:
    head = f"{rows.shape} {rows.dtype} "
    digest = hashlib.blake2b(head.encode(), digest_size=16)
    # As plain bytes, whatever the type and strides are.
    flat = np.ascontiguousarray(rows).reshape(-1)
    digest.update(flat.view(np.uint8).data)
    return digest.hexdigest()


def file_state(path: Path | str) -> State | None:
    """What tells whether a file has changed; None for a file that is not there.

    The time of the entry moves even where a program sets the time of the content back.
    """
    try:
        facts = os.stat(path)
    except OSError:
        return None
    return facts.st_size, facts.st_mtime_ns, facts.st_ctime_ns


def cached_stamps(
    location: Path,
    names: Sequence[str],
    state: Callable[[str], State | None],
    stamp: Callable[[str], str],
) -> list[str]:
    """The stamp of each name, read where it is not known for this state of its file.

    What was read is kept in the cache.

    location: the folder or file that the names lie in.
    names: of the pictures.
    state: gives the state of the file that holds a name; see `file_state`.
    stamp: reads the content of a name, from several threads at once. It raises OSError when it
        cannot, which gives an empty stamp.
    """
    memory = _StampCache(location)
    parts = [names[at : at + _NAMES_AT_ONCE] for at in range(0, len(names), _NAMES_AT_ONCE)]
    with ThreadPoolExecutor(cpu_count()) as pool:
        stamps = list(pool.map(lambda part: memory.stamps(part, state, stamp), parts))
    memory.write()
    return list(chain.from_iterable(stamps))


class _StampCache:
    """Stamps by name, each with the state of its file, in one cache file for each location."""

    def __init__(self, location: Path) -> None:
        name = hash_strings([str(location.resolve())])
        self._file = cache_folder() / "identity" / f"{name}.json"
        self._known = self._read()
        self._new: dict[str, list[object]] = {}

    def stamps(
        self,
        names: Sequence[str],
        state: Callable[[str], State | None],
        read: Callable[[str], str],
    ) -> list[str]:
        return [self._stamp(name, state(name), read) for name in names]

    def _stamp(self, name: str, state: State | None, read: Callable[[str], str]) -> str:
        known = self._known.get(name)
        if state is not None and known is not None and known[:-1] == list(state):
            return str(known[-1])
        try:
            stamp = read(name)
        except OSError:
            return ""  # reported when the picture itself is read
        # A file that changed just now may change again without its dates showing it.
        if state is not None and _is_past(state):
            self._new[name] = [*state, stamp]
        return stamp

    def write(self) -> None:
        """Keep what was read; a cache that cannot be written costs time, not the run."""
        if not self._new:
            return
        content = {"format": FORMAT, "files": {**self._known, **self._new}}
        try:
            write_text(self._file, json.dumps(content))
        except MaskwrightError as error:
            logger.info("The pictures are read anew each time to know them again: %s", error)

    def _read(self) -> dict[str, list[object]]:
        try:
            content = read_json(self._file) if self._file.exists() else {}
        except (MaskwrightError, OSError):
            return {}  # damaged: the pictures are read again
        return content["files"] if content.get("format") == FORMAT else {}


def _is_past(state: State) -> bool:
    """Whether a file changed long enough ago.

    File systems' clocks tick slowly, and a second change within one tick shows nowhere.
    """
    return max(state[1:]) < time.time_ns() - _UNSURE_NS
