"""Many .tar files as one source, as WebDataset writes them: `photos-{000..127}.tar`."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from maskwright.data.pixels.decode import quiet_pillow
from maskwright.data.sources.file_names import slug
from maskwright.data.sources.globs import is_pattern
from maskwright.data.sources.joined_index import FORMAT, JoinedIndex, join_indexes
from maskwright.data.sources.picture_files import PictureFiles
from maskwright.data.sources.remote_files import RemoteFile, is_remote
from maskwright.data.sources.shard_files import ShardFile, find_shards, name_below_root
from maskwright.data.sources.shard_index import INDEX_FORMAT, NO_LABEL, has_index, index_shard
from maskwright.data.sources.source_kind import OpenOptions, SourceKind
from maskwright.support.environment import cpu_count
from maskwright.support.errors import MaskwrightError
from maskwright.support.files import hash_strings
from maskwright.support.variables import cache_folder, remote_cache_bytes

_BRACES = re.compile(r"\{([^{}]*)\}")
_EXAMPLES = 3  # names in a message


@dataclass(frozen=True)
class ShardStorage:
    """Reads pictures from the places that the index names.

    A file is open for one picture only, so threads and forks are safe.

    shards: the files.
    index: of all of them.
    """

    shards: Sequence[ShardFile]
    index: JoinedIndex

    def stamps(self, keys: Sequence[str]) -> Iterable[str]:
        if keys is self.index.names:
            return self.index.stamps()
        # Some of them: each is looked for.
        lengths, checksums = self.index.column("lengths"), self.index.column("checksums")
        rows = [self.index.names.find(key) for key in keys]
        return [f"{int(lengths[row])}-{int(checksums[row]):x}" for row in rows]

    def read_bytes(self, key: str) -> bytes:
        row = self.index.names.find(key)
        shard = self.shards[self.index.shard_of(row)]
        offsets, lengths = self.index.spans
        length = int(lengths[row])
        with shard.open() as file:
            file.seek(int(offsets[row]))
            data = file.read(length)
        if len(data) < length:
            raise OSError(f"the shard '{shard.name}' ends before this picture does")
        return data


def is_shards(text: str) -> bool:
    """Whether a text names .tar files by a pattern or braces, or anything behind an address."""
    names_several = text.lower().endswith(".tar") and is_pattern(text)
    return is_remote(text) or (names_several and not Path(text).exists())


def open_shards(text: str) -> PictureFiles:
    """Open every shard that a text names as one source, in the order of the shards.

    Labels come from `.cls` members or `label` in `.json`. A shard is read once, to write its index
    into the cache; pictures with broken headers are left out and noted. Raises MaskwrightError for
    shards that are missing, damaged, compressed or without pictures.
    """
    if is_remote(text) and not text.lower().endswith(".tar"):
        raise MaskwrightError(
            f"'{text}' is no shard: of addresses only plain .tar files are read, such as"
            " s3://bucket/photos-{000..127}.tar. Download other data first."
        )
    shards = find_shards(text)
    # Keys are the shard's path below the folder that all share, and the picture's name in it.
    index = _open_index(shards, name_below_root(shards))
    if not len(index.names):
        raise MaskwrightError(
            f"The {len(shards):,} shards of '{text}' hold no picture that can be read."
        )

    labels = index.column("labels")
    # Labels of some pictures only are no labels of the source.
    numbers = None if (labels == NO_LABEL).any() else labels.tolist()
    classes = None if numbers is None else [str(number) for number in range(max(numbers) + 1)]
    return PictureFiles(
        name=_name(text),
        keys=index.names,
        storage=ShardStorage(shards, index),
        labels=numbers,
        classes=classes,
        notes=_notes(shards, index) + index.samples.notes(),
        sizes=np.stack([index.column("heights"), index.column("widths")], 1),
    )


def _open_index(shards: Sequence[ShardFile], prefixes: Sequence[str]) -> JoinedIndex:
    """The index of all shards, from the cache or made of theirs."""
    stamps = [shard.stamp() for shard in shards]
    identity = hash_strings([FORMAT, INDEX_FORMAT, *prefixes, shards[0].place, *stamps])
    folder = cache_folder() / "shards" / f"joined-{identity}"
    if not folder.exists():
        # All cores read shards that have no index yet; what they found stays in the cache.
        with quiet_pillow(), ThreadPoolExecutor(cpu_count()) as pool:
            for _ in pool.map(has_index, shards):
                pass
    return join_indexes(folder, prefixes, map(index_shard, shards))


def _name(text: str) -> str:
    """The part of the shards' names that all share, or their folder's name."""
    # Braces hold dots of their own: {000..127}.
    stem = _BRACES.sub("", Path(text).name).split(".")[0]
    shared = stem.strip("-_*")
    return slug(shared or Path(text).parent.name)


def _notes(shards: Sequence[ShardFile], index: JoinedIndex) -> tuple[str, ...]:
    lines = [f"{len(shards):,} shards, {shards[0].name} to {shards[-1].name}."]
    size = sum(shard.size for shard in shards if isinstance(shard, RemoteFile))
    if size > remote_cache_bytes():
        lines.append(
            f"The shards take {size / 1e9:,.1f} GB and the cache keeps"
            f" {remote_cache_bytes() / 1e9:g} of it (MASKWRIGHT_REMOTE_CACHE): train with --stream"
            " --sample blocks, or each shard is fetched many times in an epoch."
        )
    if broken := index.broken:
        lines.append(
            f"{len(broken):,} pictures with broken headers left out:"
            f" {', '.join(broken[:_EXAMPLES])}."
        )
    return tuple(lines)


def _open_without_split(text: str, options: OpenOptions) -> PictureFiles:
    if options.split is not None:
        raise MaskwrightError(
            f"Shards have no split '{options.split}'; name the shards of that split alone, e.g."
            " train-{000..127}.tar."
        )
    return open_shards(text)


SHARDS = SourceKind(
    name="shards",
    noun="shards",
    takes=str,
    accepts=is_shards,
    open=_open_without_split,
)
