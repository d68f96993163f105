"""Listing a .tar whose end is checked, since tarfile takes a cut header for the end; and the
samples that its members belong to.
"""

from __future__ import annotations

import tarfile
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

_BLOCK = 512


class WholeMember(tarfile.TarInfo):
    """A member of an archive; `tarfile.open(..., tarinfo=WholeMember)` raises where tarfile would
    stop without a word.
    """

    @classmethod
    def fromtarfile(
        cls, tarfile: tarfile.TarFile
    ) -> WholeMember:  # the name of the parameter is tarfile's own
        """Read the next header; raises tarfile.ReadError unless it is a header or the mark of the
        end.
        """
        try:
            return super().fromtarfile(tarfile)
        except END:
            raise
        except DAMAGED as error:
            raise _Cut(
                "it ends or breaks off without the mark of an archive's end, so what follows is"
                " lost"
            ) from error


END = tarfile.EOFHeaderError  # type: ignore[attr-defined]
DAMAGED = (
    tarfile.EmptyHeaderError,  # type: ignore[attr-defined]
    tarfile.TruncatedHeaderError,  # type: ignore[attr-defined]
    tarfile.InvalidHeaderError,  # type: ignore[attr-defined]
)


class _Cut(Exception):
    """Not one of tarfile's own, which it would swallow."""


def whole_members(path: Path, mode: str) -> Iterator[tuple[tarfile.TarFile, tarfile.TarInfo]]:
    """The regular files of an archive, with the archive itself.

    Raises tarfile.ReadError when it is cut, even between two members, and when another archive is
    glued behind it.
    """
    try:
        with tarfile.open(path, mode, tarinfo=WholeMember) as archive:  # type: ignore[call-overload]
            for member in archive:
                if member.isreg():
                    yield archive, member
            _refuse_more(archive)
    except _Cut as error:
        raise tarfile.ReadError(str(error)) from error


def _refuse_more(archive: tarfile.TarFile) -> None:
    """Behind the mark of the end there are zeros alone; tarfile never looks there."""
    file = archive.fileobj
    assert file is not None
    while block := file.read(128 * _BLOCK):
        if block.strip(b"\0"):
            raise tarfile.ReadError(
                "another archive or other data is glued behind its end; unpack it with tar"
                " --ignore-zeros and use the folder"
            )


def sample_of(name: str) -> str:
    """What the members of one WebDataset sample share: the path up to the first dot of the file
    name.
    """
    folder, _, file = name.rpartition("/")
    return f"{folder}/{file.split('.')[0]}"


def describe_samples(pictures: Sequence[str]) -> tuple[str, ...]:
    """A note where samples hold several pictures (0.png and 0.seg.png), each of which counts as a
    picture of its own.
    """
    count = Counter(map(sample_of, pictures))
    several = [name for name in pictures if count[sample_of(name)] > 1]
    if not several:
        return ()
    example = [name for name in several if sample_of(name) == sample_of(several[0])]
    samples = sum(number > 1 for number in count.values())
    return (
        (
            f"{samples:,} of {len(count):,} samples hold several pictures, such as"
            f" {' and '.join(example[:2])}: each counts as a picture of its own, masks too. To"
            " leave some out, write shards without them."
        ),
    )
