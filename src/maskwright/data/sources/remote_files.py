"""Files behind an address such as s3://bucket/photos-000.tar, by any protocol that fsspec knows."""

from __future__ import annotations

import re
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, BinaryIO

from maskwright.data.sources.globs import is_pattern
from maskwright.data.sources.remote_cache import fetched
from maskwright.support.errors import MaskwrightError

# A drive letter of Windows is one letter long.
_ADDRESS = re.compile(r"[a-z][a-z0-9+.-]+://", re.IGNORECASE)
# By what storage systems say that a file has changed.
_VERSIONS = (
    *("ETag", "etag", "md5Hash", "Content-MD5", "checksum", "generation"),
    *("LastModified", "Last-Modified", "last_modified", "updated", "mtime", "created"),
)
# Addresses that are asked for at a time: each answer takes a while and no work.
_ASKED_AT_ONCE = 16


def is_remote(text: str) -> bool:
    """Whether a text is an address with a protocol, and no place on a disk."""
    return bool(_ADDRESS.match(text))


@dataclass(frozen=True)
class RemoteFile:
    """A file behind an address.

    url: the address.
    size: in bytes.
    version: changes when the content does.
    """

    url: str
    size: int
    version: str

    @property
    def name(self) -> str:
        return PurePosixPath(self.url).name

    @property
    def place(self) -> str:
        return self.url

    def stamp(self) -> str:
        return f"{self.name}-{self.size}-{self.version}"

    def fetch(self) -> Path:
        """A copy on this machine; raises MaskwrightError when it cannot be had."""
        return fetched(self.url, self.stamp(), self.size, self._download)

    def open(self) -> BinaryIO:
        try:
            return self.fetch().open("rb")
        except FileNotFoundError:
            # Another process needed the room between the two; what is fetched now is the newest.
            return self.fetch().open("rb")

    def _download(self, target: Path) -> None:
        # A connection belongs to the process that made it, so each asks for its own.
        system, path = connect(self.url)
        system.get_file(path, str(target))


def connect(url: str) -> tuple[Any, str]:
    """The file system of an address, and its path there.

    Raises MaskwrightError for unknown protocols and missing packages.
    """
    # It costs a fifth of a second, which those with pictures on a disk need not wait.
    from fsspec.core import url_to_fs

    try:
        system, path = url_to_fs(url)
    except ImportError as error:
        raise MaskwrightError(
            f"Cannot read '{url}': {error}. pip install 'maskwright[remote]' has what s3://, gs://"
            " and https:// need."
        ) from error
    except ValueError as error:
        raise MaskwrightError(f"Cannot read '{url}': {error}.") from error
    return system, path


def find_remote(urls: Sequence[str]) -> list[RemoteFile]:
    """The files behind addresses and patterns, in the order of their names where there are any.

    Raises MaskwrightError when an address names nothing or cannot be reached.
    """
    if any(is_pattern(url) for url in urls):
        # An address that two patterns match is one file.
        found = {file.url: file for url in urls for file in _match(url)}
        return [found[url] for url in sorted(found)]
    with ThreadPoolExecutor(_ASKED_AT_ONCE) as pool:
        return list(pool.map(_ask, urls))


def _match(pattern: str) -> list[RemoteFile]:
    system, path = connect(pattern)
    try:
        found = system.glob(path, detail=True)
    except Exception as error:  # each protocol has errors of its own
        raise _unreachable(pattern, error) from error
    files = []
    for name, facts in found.items():
        if facts.get("type") == "file":
            url = str(system.unstrip_protocol(name))
            # Lists of web servers do not say how large files are.
            files.append(_ask(url) if facts.get("size") is None else _from_facts(url, facts))
    return files


def _ask(url: str) -> RemoteFile:
    system, path = connect(url)
    try:
        return _from_facts(url, system.info(path))
    except FileNotFoundError as error:
        # fsspec says so of servers that do not answer, too.
        raise MaskwrightError(
            f"There is no file at '{url}', or nobody answers there. Check the address and your"
            " access."
        ) from error
    except Exception as error:  # each protocol has errors of its own
        raise _unreachable(url, error) from error


def _from_facts(url: str, facts: dict[str, Any]) -> RemoteFile:
    said = next((str(facts[word]) for word in _VERSIONS if facts.get(word)), "")
    return RemoteFile(url, int(facts.get("size") or 0), said.strip('"'))


def _unreachable(url: str, error: Exception) -> MaskwrightError:
    reason = str(error).rstrip(".") or type(error).__name__
    return MaskwrightError(f"Cannot reach '{url}': {reason}. Check the address and your access.")
