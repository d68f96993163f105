"""Pictures inside a .zip or .tar file, read in place and in any order."""

from __future__ import annotations

import bz2
import gzip
import lzma
import os
import shutil
import tarfile
import tempfile
import threading
import zipfile
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import lru_cache, partial
from pathlib import Path
from typing import IO, Any

from maskwright.data.sources.identity import file_state, remembered, stamp_bytes
from maskwright.data.sources.layouts import open_entries
from maskwright.data.sources.picture_files import Entry, PictureFiles, slug
from maskwright.data.sources.whole_tar import describe_samples, whole_members
from maskwright.support.errors import MaskwrightError

ZIP_ENDINGS = (".zip",)
TAR_ENDINGS = (".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tbz2", ".tar.xz", ".txz")


def is_archive(path: Path) -> bool:
    """Whether a file name ends like an archive that `open_archive` reads."""
    return path.name.lower().endswith(ZIP_ENDINGS + TAR_ENDINGS)


def open_archive(
    path: Path, *, split: str | None = None, pattern: str | None = None
) -> PictureFiles:
    """List the pictures inside an archive; raises MaskwrightError when it is damaged or
    holds none.
    """
    try:
        entries, storage = (
            _list_zip(path) if path.name.lower().endswith(ZIP_ENDINGS) else _list_tar(path)
        )
    except (zipfile.BadZipFile, tarfile.TarError, EOFError, OSError, zlib.error) as error:
        raise MaskwrightError(
            f"Cannot read the archive '{path}': {error}. Is it whole? Copy or download it again."
        ) from error
    stem = path.name.split(".")[0]
    opened = open_entries(
        entries, storage, place=str(path), name=slug(stem), split=split, pattern=pattern
    )
    several = () if isinstance(storage, ZipStorage) else describe_samples(opened.keys)
    return replace(opened, notes=opened.notes + several)


class OncePerProcess:
    """Opens a file when a process first needs it: forked workers must not share a file position."""

    def __init__(self, opener: Callable[[], Any]) -> None:
        self._opener = opener
        self._process = -1
        self._opened: Any = None
        self.lock = threading.Lock()

    def get(self) -> Any:
        """Return the opened file; call with `lock` held."""
        if self._process != os.getpid():
            self._opened = self._opener()
            self._process = os.getpid()
        return self._opened

    def __getstate__(self) -> dict[str, Any]:
        return {"opener": self._opener}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__init__(state["opener"])  # type: ignore[misc]

    def __del__(self) -> None:
        if self._opened is not None:
            self._opened.close()


class ZipStorage:
    """Reads members of a zip file."""

    def __init__(self, path: Path, known: Mapping[str, str]) -> None:
        """known: the stamp of each member, as the file's own directory gives it."""
        self._file = OncePerProcess(partial(zipfile.ZipFile, path))
        self._known = known

    def stamps(self, keys: Sequence[str]) -> list[str]:
        return [self._known[key] for key in keys]

    def read_bytes(self, key: str) -> bytes:
        try:
            with self._file.lock:
                return self._file.get().read(key)
        except (
            zipfile.BadZipFile,
            zlib.error,
            RuntimeError,
            KeyError,
            EOFError,
        ) as error:  # RuntimeError: the member is encrypted
            raise OSError(f"damaged or locked in the archive ({error})") from error


class TarStorage:
    """Reads members of a tar file by their place in it; a compressed one is unpacked to a temporary
    file first, having no random access.
    """

    def __init__(self, path: Path, places: dict[str, tuple[int, int]]) -> None:
        """places: for each key, the offset and the size of its bytes in the plain tar file."""
        self._path = path
        self._file = OncePerProcess(partial(_open_plain_tar, path))
        self._places = places

    def stamps(self, keys: Sequence[str]) -> list[str]:
        """Known again as long as the archive stays as it is; its own dates and places of members
        would change when it is packed anew.
        """
        state = file_state(self._path)
        return remembered(
            self._path, keys, lambda key: state, lambda key: stamp_bytes(self.read_bytes(key))
        )

    def read_bytes(self, key: str) -> bytes:
        offset, size = self._places[key]
        with self._file.lock:
            file = self._file.get()
            file.seek(offset)
            data = file.read(size)
        if len(data) < size:
            raise OSError("the archive ends before this file does")
        return data


def _list_zip(path: Path) -> tuple[list[Entry], ZipStorage]:
    facts = path.stat()
    known = _zip_stamps(path, facts.st_size, facts.st_mtime_ns)
    return [Entry(key) for key in known], ZipStorage(path, known)


@lru_cache(maxsize=4)
def _zip_stamps(path: Path, size: int, changed: int) -> Mapping[str, str]:
    """The members of a zip file as it was when it had this size and time: one call asks for its
    splits one after another.

    Of members with one name the last counts, which is also the one that is read.
    """
    with zipfile.ZipFile(path) as archive:
        members = [member for member in archive.infolist() if not member.is_dir()]
    return {member.filename: f"{member.file_size}-{member.CRC:x}" for member in members}


def _list_tar(path: Path) -> tuple[list[Entry], TarStorage]:
    mode = "r:" if path.name.lower().endswith(".tar") else "r:*"
    members = [member for _, member in whole_members(path, mode)]
    places = {_plain(member.name): (member.offset_data, member.size) for member in members}
    return [Entry(key) for key in places], TarStorage(path, places)


def _plain(name: str) -> str:
    return name.removeprefix("./")


def _open_plain_tar(path: Path) -> IO[bytes]:
    name = path.name.lower()
    if name.endswith(".tar"):
        return path.open("rb")
    plain = tempfile.TemporaryFile()  # noqa: SIM115 (closed by OncePerProcess)
    with _opener(name)(path, "rb") as packed:
        shutil.copyfileobj(packed, plain, 1 << 20)
    return plain


def _opener(name: str) -> Any:
    if name.endswith(("bz2", "tbz2")):
        return bz2.open
    return lzma.open if name.endswith("xz") else gzip.open
