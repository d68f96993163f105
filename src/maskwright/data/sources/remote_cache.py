"""Copies of remote files on this machine: fetched whole, shared by processes, oldest out first."""

from __future__ import annotations

import errno
import logging
import os
import time
import zlib
from collections.abc import Callable
from pathlib import Path
from uuid import uuid4

from maskwright.data.sources.file_names import slug
from maskwright.data.store.lock import exclusive
from maskwright.support.errors import MaskwrightError
from maskwright.support.files import hash_strings, make_folder, write_advice
from maskwright.support.variables import cache_folder, remote_cache_bytes

_TRIES = 3
_PAUSE_SECONDS = 1.0  # before the second try; doubled before each further one
# Processes that want files of other slots do not wait for each other.
_SLOTS = 64
_PART_DAYS = 1.0  # an unfinished copy of that age was left by a process that died
_NO_ROOM = {errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES}
logger = logging.getLogger(__name__)


def fetched(url: str, stamp: str, size: int, download: Callable[[Path], None]) -> Path:
    """The copy of a file in the cache, downloaded unless it is there.

    stamp: of this version of the file.
    size: in bytes.
    download: writes the file to a path.

    Raises MaskwrightError when it cannot be downloaded or written.
    """
    folder = cache_folder() / "remote"
    copy = folder / f"{hash_strings([url, stamp])}-{slug(Path(url).stem)}{Path(url).suffix}"
    if _mark_as_used(copy):
        return copy
    slot = zlib.crc32(copy.name.encode()) % _SLOTS
    with exclusive(folder / "locks" / f"{slot:02d}.lock", announce=False):
        # Another process may have fetched it while this one waited.
        if not _mark_as_used(copy):
            make_room(folder, size)
            _download(url, size, copy, download)
    return copy


def make_room(folder: Path, size: int) -> None:
    """Remove the copies that were not used for longest, until so many bytes fit."""
    make_folder(folder)
    files = []
    for entry in os.scandir(folder):
        if entry.is_file():
            try:
                facts = entry.stat()
            except FileNotFoundError:
                continue  # another process has just removed or finished it
            files.append((facts.st_mtime, facts.st_size, Path(entry.path)))
    free = remote_cache_bytes() - sum(length for _, length, _ in files)
    for used, length, path in sorted(files):
        is_part = path.name.startswith(".")
        if is_part and time.time() - used < _PART_DAYS * 86400:
            continue  # somebody writes it
        if free < size or is_part:
            path.unlink(missing_ok=True)
            free += length


def _mark_as_used(copy: Path) -> bool:
    """Whether the copy is there; its date then says that it was used now."""
    try:
        os.utime(copy)
    except FileNotFoundError:
        return False
    return True


def _download(url: str, size: int, copy: Path, download: Callable[[Path], None]) -> None:
    part = copy.with_name(f".{copy.name}.{uuid4().hex[:12]}.part")
    try:
        _try(url, part, download)
        length = part.stat().st_size
        if length != size:
            raise MaskwrightError(
                f"'{url}' has {length:,} bytes and not the {size:,} that were announced; has it"
                " changed meanwhile? Run again."
            )
        os.replace(part, copy)
    finally:
        part.unlink(missing_ok=True)


def _try(url: str, part: Path, download: Callable[[Path], None]) -> None:
    """Download, again after a pause where the connection fails."""
    pause = _PAUSE_SECONDS
    for left in reversed(range(_TRIES)):
        try:
            download(part)
            return
        except Exception as error:  # each protocol has errors of its own
            # A full disk does not get emptier by waiting.
            if isinstance(error, OSError) and error.errno in _NO_ROOM:
                raise MaskwrightError(
                    f"Could not write {part}: {error.strerror}. {write_advice(part)}"
                ) from error
            reason = str(error).rstrip(".") or type(error).__name__
            if not left:
                raise MaskwrightError(
                    f"Could not fetch '{url}' in {_TRIES} tries: {reason}. Check the connection; a"
                    " run goes on from its last checkpoint with --resume."
                ) from error
            logger.warning("fetching %s failed (%s); trying again", url, reason)
            time.sleep(pause)
            pause *= 2
