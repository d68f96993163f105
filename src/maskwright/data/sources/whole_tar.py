"""Listing a .tar whose end is checked, and the samples that its members belong to.

Python's tarfile takes a header that is cut off for the end of the archive.
"""

from __future__ import annotations

import tarfile
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

_BLOCK = 512  # bytes; everything in a .tar is a multiple of it


class WholeMember(tarfile.TarInfo):
    """A member of an archive that raises where tarfile would stop without a word.

    Use it as `tarfile.open(..., tarinfo=WholeMember)`.
    """

    @classmethod
    def fromtarfile(cls, tarfile: tarfile.TarFile) -> WholeMember:  # tarfile's name for it
        """Read the next header; raises _Cut unless it is a header or the mark of the end."""
        try:
            return super().fromtarfile(tarfile)
        except END:
            raise
        except DAMAGED as error:
            raise _Cut(
                "it ends or breaks off without the mark of an archive's end, so what follows is"
                " lost"
            ) from error


# What tarfile raises inside for two blocks of zeros, and for all that is no header.
END = tarfile.EOFHeaderError  # type: ignore[attr-defined]
DAMAGED = (
    tarfile.EmptyHeaderError,  # type: ignore[attr-defined]
    tarfile.TruncatedHeaderError,  # type: ignore[attr-defined]
    tarfile.InvalidHeaderError,  # type: ignore[attr-defined]
)


class _Cut(Exception):
    """An archive that is cut: no error of tarfile's own, which it would swallow."""


def whole_members(
    file: Path | BinaryIO, mode: str
) -> Iterator[tuple[tarfile.TarFile, tarfile.TarInfo]]:
    """The regular files of an archive, with the archive itself.

    Raises tarfile.ReadError when it is cut, even between two members, and when another archive is
    glued behind it.
    """
    try:
        with _open_tar(file, mode) as archive:
            for member in archive:
                if member.isreg():
                    yield archive, member
            _refuse_more(archive)
    except _Cut as error:
        raise tarfile.ReadError(str(error)) from error


def _open_tar(file: Path | BinaryIO, mode: str) -> tarfile.TarFile:
    path, opened = (file, None) if isinstance(file, Path) else (None, file)
    # mypy knows the modes as literals only; whoever calls this closes the archive.
    archive: tarfile.TarFile = tarfile.open(  # type: ignore[call-overload] # noqa: SIM115
        path, mode, fileobj=opened, tarinfo=WholeMember
    )
    return archive


def _refuse_more(archive: tarfile.TarFile) -> None:
    """Raise tarfile.ReadError unless only zeros follow the mark of the end."""
    # tarfile never looks there, so pictures of an archive glued on would be lost without a word.
    file = archive.fileobj
    assert file is not None  # the archive is open
    while block := file.read(128 * _BLOCK):
        if block.strip(b"\0"):
            raise tarfile.ReadError(
                "another archive or other data is glued behind its end; unpack it with tar"
                " --ignore-zeros and use the folder"
            )


def sample_of(name: str) -> str:
    """What members of one WebDataset sample share: the path up to the file name's first dot."""
    folder, _, file = name.rpartition("/")
    return f"{folder}/{file.split('.')[0]}"


@dataclass(frozen=True)
class SampleCount:
    """How many samples of a set hold several pictures.

    samples: all of them.
    several: those of several pictures.
    example: names of the first pictures of one of those.
    """

    samples: int = 0
    several: int = 0
    example: Sequence[str] = ()

    def plus(self, other: SampleCount) -> SampleCount:
        """Both counts together, where no sample is in both."""
        return SampleCount(
            self.samples + other.samples,
            self.several + other.several,
            self.example or other.example,
        )

    def notes(self) -> tuple[str, ...]:
        """A note where samples hold several pictures, such as 0.png and 0.seg.png."""
        if not self.several:
            return ()
        note = (
            f"{self.several:,} of {self.samples:,} samples hold several pictures, such as"
            f" {' and '.join(self.example)}: each counts as a picture of its own, masks too. To"
            " leave some out, write shards without them."
        )
        return (note,)


def count_samples(pictures: Sequence[str]) -> SampleCount:
    """Count the samples that pictures belong to, by their names."""
    count = Counter(map(sample_of, pictures))
    several = sum(number > 1 for number in count.values())
    if not several:
        return SampleCount(len(count))
    first = next(sample for sample in map(sample_of, pictures) if count[sample] > 1)
    example = [name for name in pictures if sample_of(name) == first]
    return SampleCount(len(count), several, example[:2])
