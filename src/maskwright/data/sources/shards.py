"""Many .tar files as one source, as WebDataset writes them: `photos-{000..127}.tar`."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from maskwright.data.pixels.decode import quiet_pillow
from maskwright.data.sources.file_names import slug
from maskwright.data.sources.globs import format_braces, is_pattern, matching_files
from maskwright.data.sources.index_cache import file_stamp
from maskwright.data.sources.joined_index import FORMAT, JoinedIndex, join_indexes
from maskwright.data.sources.picture_files import PictureFiles
from maskwright.data.sources.shard_index import INDEX_FORMAT, NO_LABEL, has_index, index_shard
from maskwright.data.sources.source_kind import OpenOptions, SourceKind
from maskwright.support.environment import cpu_count
from maskwright.support.errors import MaskwrightError
from maskwright.support.files import hash_strings
from maskwright.support.variables import cache_folder

_BRACES = re.compile(r"\{([^{}]*)\}")
_RANGE_LEFT = re.compile(r"\{[^{},]*\.\.[^{},]*\}")  # braces that no range can be read from
_EXAMPLES = 3  # names in a message


@dataclass(frozen=True)
class ShardStorage:
    """Reads pictures from the places that the index names.

    A file is open for one picture only, so threads and forks are safe.

    paths: the shards.
    index: of all of them.
    """

    paths: Sequence[Path]
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
        path = self.paths[self.index.shard_of(row)]
        offsets, lengths = self.index.spans
        length = int(lengths[row])
        with path.open("rb") as file:
            file.seek(int(offsets[row]))
            data = file.read(length)
        if len(data) < length:
            raise OSError(f"the shard '{path.name}' ends before this picture does")
        return data


def is_shards(text: str) -> bool:
    """Whether a text names several .tar files: with braces or a pattern, ending in .tar."""
    return text.lower().endswith(".tar") and is_pattern(text) and not Path(text).exists()


def expand(text: str) -> list[Path]:
    """The shards that braces ({000..127}, {a,b}) and patterns (*, ?) stand for.

    Raises MaskwrightError when a named shard is not there.
    """
    paths = [Path(name).expanduser() for name in format_braces(text)]
    if wrong := _RANGE_LEFT.search(str(paths[0])):
        raise MaskwrightError(f"'{wrong[0]}' is no range of shards; write e.g. {{000..127}}.")
    # A pattern takes the shards that are there; braces name shards that must be there.
    if any(is_pattern(str(path)) for path in paths):
        matches = matching_files(map(str, paths))
        if not matches:
            raise MaskwrightError(f"No shard matches '{text}'.")
        return matches
    missing = [path for path in paths if not path.is_file()]
    if missing:
        examples = ", ".join(map(str, missing[:_EXAMPLES]))
        raise MaskwrightError(
            f"{len(missing):,} of the {len(paths):,} shards of '{text}' are not there, for"
            f" example {examples}."
        )
    return paths


def open_shards(text: str) -> PictureFiles:
    """Open every shard that a text names as one source, in the order of the shards.

    Labels come from `.cls` members or `label` in `.json`. A shard is read once, to write its index
    into the cache; pictures with broken headers are left out and noted. Raises MaskwrightError for
    shards that are missing, damaged, compressed or without pictures.
    """
    paths = expand(text)
    # Keys are the shard's path below the folder that all share, and the picture's name in it.
    root = Path(os.path.commonpath([path.parent for path in paths]))
    prefixes = [path.relative_to(root).as_posix() for path in paths]
    index = _open_index(paths, prefixes)
    if not len(index.names):
        raise MaskwrightError(
            f"The {len(paths):,} shards of '{text}' hold no picture that can be read."
        )

    labels = index.column("labels")
    # Labels of some pictures only are no labels of the source.
    numbers = None if (labels == NO_LABEL).any() else labels.tolist()
    classes = None if numbers is None else [str(number) for number in range(max(numbers) + 1)]
    return PictureFiles(
        name=_name(text),
        keys=index.names,
        storage=ShardStorage(paths, index),
        labels=numbers,
        classes=classes,
        notes=_notes(paths, index) + index.samples.notes(),
        sizes=np.stack([index.column("heights"), index.column("widths")], 1),
    )


def _open_index(paths: Sequence[Path], prefixes: Sequence[str]) -> JoinedIndex:
    """The index of all shards, from the cache or made of theirs."""
    stamps = [file_stamp(path) for path in paths]
    identity = hash_strings([FORMAT, INDEX_FORMAT, *prefixes, str(paths[0].parent), *stamps])
    folder = cache_folder() / "shards" / f"joined-{identity}"
    if not folder.exists():
        # All cores read shards that have no index yet; what they found stays in the cache.
        with quiet_pillow(), ThreadPoolExecutor(cpu_count()) as pool:
            for _ in pool.map(has_index, paths):
                pass
    return join_indexes(folder, prefixes, map(index_shard, paths))


def _name(text: str) -> str:
    """The part of the shards' names that all share, or their folder's name."""
    stem = Path(text).name.split(".")[0]
    shared = _BRACES.sub("", stem).strip("-_*")
    return slug(shared or Path(text).parent.name)


def _notes(paths: Sequence[Path], index: JoinedIndex) -> tuple[str, ...]:
    lines = [f"{len(paths):,} shards, {paths[0].name} to {paths[-1].name}."]
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
