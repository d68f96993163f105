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

from maskwright.data.sources.collect import Listing
from maskwright.data.sources.file_names import slug
from maskwright.data.sources.identity import cached_stamps, file_state, stamp_bytes
from maskwright.data.sources.layouts import open_listing
from maskwright.data.sources.picture_files import PictureFiles, Storage
from maskwright.data.sources.source_kind import LocatedPath, SourceKind
from maskwright.data.sources.whole_tar import count_samples, whole_members
from maskwright.support.errors import MaskwrightError

ZIP_ENDINGS = (".zip",)
# A member that is encrypted raises RuntimeError.
_ZIP_ERRORS = (zipfile.BadZipFile, zlib.error, RuntimeError, KeyError, EOFError)
TAR_ENDINGS = (".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tbz2", ".tar.xz", ".txz")


def is_archive(path: Path) -> bool:
    """Whether a file name ends like an archive that `open_archive` reads."""
    return path.name.lower().endswith(ZIP_ENDINGS + TAR_ENDINGS)


def open_archive(
    path: Path, *, split: str | None = None, pattern: str | None = None
) -> PictureFiles:
    """List the pictures inside an archive.

    Raises MaskwrightError when it is damaged or holds none.
    """
    is_zip = path.name.lower().endswith(ZIP_ENDINGS)
    try:
        keys, storage = _list_zip(path) if is_zip else _list_tar(path)
    except (zipfile.BadZipFile, tarfile.TarError, EOFError, OSError, zlib.error) as error:
        raise MaskwrightError(
            f"Cannot read the archive '{path}': {error}. Is it whole? Copy or download it again."
        ) from error
    listing = Listing(
        keys=keys,
        storage=storage,
        location=str(path),
        name=slug(path.name.split(".")[0]),  # without both endings of .tar.gz
        split=split,
        pattern=pattern,
    )
    source = open_listing(listing)
    # A .tar may be a WebDataset shard, whose samples may hold several pictures.
    sample_notes = () if is_zip else count_samples(source.keys).notes()
    return replace(source, notes=source.notes + sample_notes)


class OncePerProcess:
    """Opens a file when a process first needs it.

    Forked workers of a loader must not share a file position.
    """

    def __init__(self, opener: Callable[[], Any]) -> None:
        self._opener = opener
        self._process = -1  # no process has this number
        self._opened: Any = None
        self.lock = threading.Lock()

    def get(self) -> Any:
        """Return the opened file; call with `lock` held."""
        if self._process != os.getpid():
            self._opened = self._opener()
            self._process = os.getpid()
        return self._opened

    # Neither an open file nor a lock can be pickled for a spawned worker; it opens its own.
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
        except _ZIP_ERRORS as error:
            raise OSError(f"damaged or locked in the archive ({error})") from error


class TarStorage:
    """Reads members of a tar file by their offset.

    A compressed one has no random access, so it is unpacked to a temporary file first.
    """

    def __init__(self, path: Path, spans: dict[str, tuple[int, int]]) -> None:
        """spans: for each key, the offset and the size of its bytes in the plain tar file."""
        self._path = path
        self._file = OncePerProcess(partial(_open_plain_tar, path))
        self._spans = spans

    def stamps(self, keys: Sequence[str]) -> list[str]:
        # A tar holds no checksums of its members, so their bytes are read. Stamps are remembered
        # as long as the archive stays as it is.
        state = file_state(self._path)
        return cached_stamps(
            self._path, keys, lambda key: state, lambda key: stamp_bytes(self.read_bytes(key))
        )

    def read_bytes(self, key: str) -> bytes:
        offset, size = self._spans[key]
        with self._file.lock:
            file = self._file.get()
            file.seek(offset)
            data = file.read(size)
        if len(data) < size:
            raise OSError("the archive ends before this file does")
        return data


def _list_zip(path: Path) -> tuple[list[str], Storage]:
    facts = path.stat()
    known = _zip_stamps(path, facts.st_size, facts.st_mtime_ns)
    return list(known), ZipStorage(path, known)


@lru_cache(maxsize=4)
def _zip_stamps(path: Path, size: int, changed: int) -> Mapping[str, str]:
    """The stamp of each member of a zip file, as it was when it had this size and time.

    It is cached because one command opens the splits of a file one after another. Of members with
    one name the last counts, which is also the one that is read.
    """
    with zipfile.ZipFile(path) as archive:
        members = [member for member in archive.infolist() if not member.is_dir()]
    return {member.filename: f"{member.file_size}-{member.CRC:x}" for member in members}


def _list_tar(path: Path) -> tuple[list[str], Storage]:
    mode = "r:" if path.name.lower().endswith(".tar") else "r:*"
    spans: dict[str, tuple[int, int]] = {}
    for _, member in whole_members(path, mode):
        # `tar -cf x.tar .` begins every name with ./, which patterns and labels do not.
        spans[member.name.removeprefix("./")] = (member.offset_data, member.size)
    return list(spans), TarStorage(path, spans)


def _open_plain_tar(path: Path) -> IO[bytes]:
    name = path.name.lower()
    if name.endswith(".tar"):
        return path.open("rb")
    plain = tempfile.TemporaryFile()  # noqa: SIM115 (closed by OncePerProcess)
    with _decompressor(name)(path, "rb") as packed:
        shutil.copyfileobj(packed, plain, 1 << 20)  # 1 MiB at a time, so that memory stays small
    return plain


def _decompressor(name: str) -> Any:
    if name.endswith(("bz2", "tbz2")):
        return bz2.open
    return lzma.open if name.endswith("xz") else gzip.open


ARCHIVE = SourceKind(
    name="archive",
    noun="an archive (.zip .tar)",
    takes=LocatedPath,
    accepts=lambda located: is_archive(located.path),
    open=lambda located, options: open_archive(
        located.path, split=options.split, pattern=located.pattern
    ),
)
