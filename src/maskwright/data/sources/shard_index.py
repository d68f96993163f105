"""What one shard (a .tar file of WebDataset) holds, read once and kept in the cache."""

from __future__ import annotations

import json
import tarfile
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from maskwright.data.pixels.decode import UnreadableImage, picture_size
from maskwright.data.sources.file_names import PICTURE_EXTENSIONS, extension
from maskwright.data.sources.identity import stamp_bytes
from maskwright.data.sources.index_cache import cached_arrays
from maskwright.data.sources.shard_files import ShardFile
from maskwright.data.sources.whole_tar import sample_of, whole_members
from maskwright.support.errors import MaskwrightError

NO_LABEL = -1
INDEX_FORMAT = "2"  # of the arrays in a cached index


@dataclass(frozen=True, kw_only=True, eq=False)
class ShardIndex:
    """What one shard holds; arrays have an entry for each of n pictures.

    place: the shard's path or address.
    names: (n,) names of the pictures in the shard.
    offsets: (n,) where the bytes of each begin.
    lengths: (n,) how many bytes each has.
    stamps: (n,) stamps of their content.
    heights: (n,) in pixels.
    widths: (n,) in pixels.
    labels: (n,) class numbers, -1 for none.
    broken: names of further pictures, whose headers cannot be read.
    """

    place: str
    names: np.ndarray
    offsets: np.ndarray
    lengths: np.ndarray
    stamps: np.ndarray
    heights: np.ndarray
    widths: np.ndarray
    labels: np.ndarray
    broken: np.ndarray


@dataclass(frozen=True)
class _Row:
    """One picture of a shard, as `ShardIndex` lists it."""

    name: str
    stamp: str
    offset: int
    length: int
    height: int
    width: int


@dataclass
class _Content:
    """What was read of a shard so far.

    rows: the pictures.
    labels: class numbers by sample, which may come before or after the sample's picture.
    broken: names of pictures whose headers cannot be read.
    """

    rows: list[_Row] = field(default_factory=list)
    labels: dict[str, int] = field(default_factory=dict)
    broken: list[str] = field(default_factory=list)

    def arrays(self) -> dict[str, np.ndarray]:
        """The arrays of an index; int64 and str also where there is no picture."""
        labels = [self.labels.get(sample_of(row.name), NO_LABEL) for row in self.rows]
        return {
            "names": np.array([row.name for row in self.rows], dtype=str),
            "stamps": np.array([row.stamp for row in self.rows], dtype=str),
            "broken": np.array(self.broken, dtype=str),
            "offsets": np.array([row.offset for row in self.rows], dtype=np.int64),
            "lengths": np.array([row.length for row in self.rows], dtype=np.int64),
            "heights": np.array([row.height for row in self.rows], dtype=np.int64),
            "widths": np.array([row.width for row in self.rows], dtype=np.int64),
            "labels": np.array(labels, dtype=np.int64),
        }


def index_shard(shard: ShardFile) -> ShardIndex:
    """Read a shard's index from the cache, or read the shard once and write it there."""
    arrays = cached_arrays(
        Path(shard.name).stem,
        [shard.place, shard.stamp()],
        "shards",
        INDEX_FORMAT,
        lambda: _read_shard(shard).arrays(),
    )
    return ShardIndex(place=shard.place, **arrays)


def has_index(shard: ShardFile) -> bool:
    """See that a shard's index is in the cache; it is not kept in memory."""
    index_shard(shard)
    return True


def _read_shard(shard: ShardFile) -> _Content:
    content = _Content()
    try:
        # "r:" takes plain .tar files only: a compressed one has no offsets to read from.
        with shard.open() as file:
            for archive, member in whole_members(file, "r:"):
                kind = extension(member.name)
                if kind in PICTURE_EXTENSIONS:
                    _add_picture(archive, member, content)
                elif kind in ("cls", "json"):
                    _add_label(_read(archive, member), member.name, shard.place, content)
    except (tarfile.TarError, EOFError, OSError) as error:
        raise MaskwrightError(
            f"Cannot read the shard '{shard.place}': {error}. Shards are plain .tar files; is this"
            " one whole?"
        ) from error
    return content


def _read(archive: tarfile.TarFile, member: tarfile.TarInfo) -> bytes:
    file = archive.extractfile(member)
    assert file is not None  # only regular files come here
    return file.read()


def _add_picture(archive: tarfile.TarFile, member: tarfile.TarInfo, content: _Content) -> None:
    data = _read(archive, member)
    try:
        height, width = picture_size(data, member.name)
    except UnreadableImage:
        # One broken picture among millions is no reason to refuse all.
        content.broken.append(member.name)
        return
    row = _Row(
        name=member.name,
        stamp=stamp_bytes(data),
        offset=member.offset_data,
        length=member.size,
        height=height,
        width=width,
    )
    content.rows.append(row)


def _add_label(text: bytes, name: str, place: str, content: _Content) -> None:
    """Read the class number in a `.cls` member, or under `label` or `cls` in a `.json` one.

    Members of other content add nothing.
    """
    label: object
    try:
        if extension(name) == "cls":
            label = int(text)
        else:
            # What describes a picture may say anything; only two words mean its class.
            facts = json.loads(text)
            label = next((facts[word] for word in ("label", "cls") if word in facts), None)
    except (ValueError, TypeError) as error:
        raise MaskwrightError(
            f"'{name}' in the shard '{place}' is no class number: {text[:40]!r}."
        ) from error
    if isinstance(label, int):
        content.labels[sample_of(name)] = label
