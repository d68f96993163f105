"""A lock between processes that ends with its holder, however that dies."""

from __future__ import annotations

import logging
import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

logger = logging.getLogger(__name__)
_PAUSE_SECONDS = 0.2


@contextmanager
def exclusive(path: Path) -> Iterator[None]:
    """Hold a lock file while the body runs, waiting while another process holds it; the system frees it when a process ends."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle = os.open(path, os.O_CREAT | os.O_RDWR)
    try:
        if not _try_lock(handle):
            logger.info("another process works in %s; waiting for it", path.parent)
            while not _try_lock(handle):
                time.sleep(_PAUSE_SECONDS)
        yield
    finally:
        os.close(handle)


def _try_lock(handle: int) -> bool:
    try:
        if sys.platform == "win32":
            import msvcrt

            msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)
        else:
            import fcntl

            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except (BlockingIOError, PermissionError):
        return False
    return True
