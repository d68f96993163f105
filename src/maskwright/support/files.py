"""Files written so that a crash or a full disk never leaves half of one, and hashes of strings."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any
from uuid import uuid4

from maskwright.support.errors import MaskwrightError
from maskwright.support.variables import is_in_cache


def write_atomic(path: Path | str, write: Callable[[Path], None]) -> None:
    """Call `write(temporary)` beside `path`, then move the finished file into place.

    The old file stays good on failure. Of several writers at once, in threads, processes or on
    other machines, each writes a file of its own and the last to finish wins. Raises
    MaskwrightError when the disk refuses (full, read-only), naming the path and saying that the old
    file is intact.
    """
    path = Path(path)
    # in the same folder: a file can only be moved at once inside one file system
    temporary = path.with_name(f".{path.name}.{uuid4().hex[:12]}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write(temporary)
        # on the disk before its name is, or a power failure leaves an empty file under that name
        with temporary.open("rb") as file:
            os.fsync(file.fileno())
        temporary.replace(path)
        _sync_folder(path.parent)
    except OSError as error:
        intact = f" The earlier {path.name} is intact." if path.exists() else ""
        raise MaskwrightError(
            f"Could not write {path}: {error.strerror or error}.{intact} {write_advice(path)}"
        ) from error
    finally:
        # where the folder itself is missing or refused there is nothing to take away, and the first
        # error is the one that matters
        with suppress(OSError):
            temporary.unlink(missing_ok=True)


def make_folder(path: Path) -> None:
    """Make a folder and those above it.

    Raises MaskwrightError, saying how to choose another folder, when that is refused.
    """
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise MaskwrightError(
            f"Cannot make the folder '{path}': {error.strerror}. {write_advice(path)}"
        ) from error


def write_advice(path: Path | str) -> str:
    """What to do about a path that cannot be written, as a sentence."""
    if is_in_cache(path):
        return "Set MASKWRIGHT_CACHE to a folder that can be written and has room."
    return "Free some space or choose --out."


def write_text(path: Path | str, text: str) -> None:
    """Write a text file atomically."""
    write_atomic(path, lambda temporary: _write_plain(temporary, text))


def write_bytes(path: Path | str, data: bytes) -> None:
    """Write bytes atomically."""

    def write(temporary: Path) -> None:
        temporary.write_bytes(data)

    write_atomic(path, write)


def write_json(path: Path | str, value: Any) -> None:
    """Write JSON atomically, indented, with a final newline."""
    write_text(path, json.dumps(value, indent=2) + "\n")


def read_json(path: Path | str) -> Any:
    """Read JSON, or say which file is broken."""
    try:
        return json.loads(Path(path).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise MaskwrightError(f"Could not read {path} as JSON: {error}.") from error


def hash_strings(parts: Iterable[str]) -> str:
    """Return a 16-character hash of a sequence of strings; order counts."""
    digest = hashlib.blake2b(digest_size=8)
    for part in parts:
        # file names may hold bytes that are no text; the zero keeps "ab", "c" from "a", "bc"
        digest.update(part.encode("utf-8", "surrogateescape") + b"\0")
    return digest.hexdigest()


def _write_plain(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8")


def _sync_folder(folder: Path) -> None:
    """Put the new name itself on the disk.

    After a power failure, a folder that was not synced still shows the old file.
    """
    if os.name != "posix":  # Windows opens no folders and needs no such thing
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        # some network file systems cannot; the file's content is safe already
        with suppress(OSError):
            os.fsync(handle)
    finally:
        os.close(handle)
