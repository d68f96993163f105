"""Writing files so that a crash or a full disk never leaves half of one, and hashing what is in them."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any

from maskwright.support.errors import MaskwrightError


def write_atomic(path: Path | str, write: Callable[[Path], None]) -> None:
    """Call `write(temporary)` beside `path`, then move the finished file into place; the old file stays good on failure.

    Raises MaskwrightError when the disk refuses (full, read-only), naming the path and saying that the old file is intact.
    """
    path = Path(path)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write(temporary)
        with temporary.open("rb") as file:
            os.fsync(file.fileno())
        temporary.replace(path)
    except OSError as error:
        kept = f" The earlier {path.name} is intact." if path.exists() else ""
        raise MaskwrightError(
            f"Could not write {path}: {error.strerror or error}.{kept} Free some space or choose --out."
        ) from error
    finally:
        with suppress(OSError):  # what it could not make cannot be taken away either
            temporary.unlink(missing_ok=True)


def write_text(path: Path | str, text: str) -> None:
    """Write a text file atomically."""
    write_atomic(path, lambda temporary: _write_plain(temporary, text))


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
        digest.update(part.encode("utf-8", "surrogateescape") + b"\0")
    return digest.hexdigest()


def _write_plain(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8")
