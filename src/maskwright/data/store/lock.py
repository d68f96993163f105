"""A lock between processes that ends with its holder, however that dies."""

from __future__ import annotations

import errno
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import BaseFileLock, FileLock, SoftFileLock, Timeout

from maskwright.support.errors import MaskwrightError
from maskwright.support.files import make_folder, write_advice

logger = logging.getLogger(__name__)
# How often a waiting process looks whether the lock is free.
_PAUSE_SECONDS = 0.2
# What network file systems without locks answer: FUSE, Lustre mounted without flock, NFS without
# its lock service.
_NO_LOCKS = {errno.ENOSYS, errno.ENOLCK, errno.EOPNOTSUPP, errno.EINVAL}


@contextmanager
def exclusive(path: Path, *, announce: bool = True) -> Iterator[None]:
    """Hold a lock file while the body runs, and wait while another process holds it.

    The system frees it when a process ends. Where the file system cannot lock, a file that exists
    only while somebody works is the lock (`NAME.held`). One that a dead process of this machine
    left behind is recognized; one of another machine is waited for, and the warning names it.

    announce: warn when another process is waited for; off where that is usual and short.

    Raises MaskwrightError when the folder cannot be made or written.
    """
    make_folder(path.parent)
    lock = _take(path, announce)
    try:
        yield
    finally:
        lock.release()


def _take(path: Path, announce: bool) -> BaseFileLock:
    try:
        # A real lock of the file system, wherever there is one.
        return _wait_for(FileLock(path, fallback_to_soft=False), path, "", announce)
    except OSError as error:
        if error.errno not in _NO_LOCKS:
            raise _refusal(path, error) from error
    # Not the same name: the file of a real lock stays behind, while here a file that exists means
    # that the lock is held.
    held = path.with_name(f"{path.name}.held")
    try:
        hint = f" (if there is none, delete {held})"
        return _wait_for(SoftFileLock(held), path, hint, announce)
    except OSError as error:
        raise _refusal(held, error) from error


def _wait_for(lock: BaseFileLock, path: Path, hint: str, announce: bool) -> BaseFileLock:
    try:
        # Try without waiting first, so that waiting can be announced.
        lock.acquire(timeout=0)
    except Timeout:
        if announce:
            logger.warning("another process works in %s; waiting for it%s", path.parent, hint)
        lock.acquire(poll_interval=_PAUSE_SECONDS)
    return lock


def _refusal(path: Path, error: OSError) -> MaskwrightError:
    return MaskwrightError(
        f"Could not lock {path}: {error.strerror or error}. {write_advice(path)}"
    )
