"""Many .tar files as one source, as WebDataset writes them: `photos-{000..127}.tar`."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import numpy as np

from maskwright.data.pixels.decode import quiet_pillow
from maskwright.data.sources.file_names import slug
from maskwright.data.sources.globs import format_braces, is_pattern, matching_files
from maskwright.data.sources.picture_files import PictureFiles
from maskwright.data.sources.shard_index import NO_LABEL, ShardIndex, index_shard
from maskwright.data.sources.source_kind import OpenOptions, SourceKind
from maskwright.data.sources.whole_tar import describe_samples
from maskwright.support.environment import cpu_count
from maskwright.support.errors import MaskwrightError

_BRACES = re.compile(r"\{([^{}]*)\}")
_RANGE_LEFT = re.compile(r"\{[^{},]*\.\.[^{},]*\}")  # braces that no range can be read from
_EXAMPLES = 3  # names in a message


class ShardSpan(NamedTuple):
    """Where the bytes of one picture lie; a tuple, since a set may have millions of them.

    shard: number of the shard.
    offset: of the first byte in it.
    length: in bytes.
    """

    shard: int
    offset: int
    length: int


@dataclass(frozen=True)
class ShardStorage:
    """Reads pictures from the places that the indexes name.

    A file is open for one picture only, so threads and forks are safe.

    paths: the shards.
    spans: where the bytes of each key lie.
    known: the stamp of each key's content.
    """

    paths: Sequence[Path]
    spans: dict[str, ShardSpan] = field(default_factory=dict)
    known: dict[str, str] = field(default_factory=dict)

    def stamps(self, keys: Sequence[str]) -> list[str]:
        return [self.known[key] for key in keys]

    def read_bytes(self, key: str) -> bytes:
        span = self.spans[key]
        path = self.paths[span.shard]
        with path.open("rb") as file:
            file.seek(span.offset)
            data = file.read(span.length)
        if len(data) < span.length:
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
    with quiet_pillow(), ThreadPoolExecutor(cpu_count()) as pool:
        indexes = list(pool.map(index_shard, paths))

    # Keys are the shard's path below the folder that all share, and the picture's name in it.
    root = Path(os.path.commonpath([path.parent for path in paths]))
    prefixes = [path.relative_to(root).as_posix() for path in paths]
    storage = _build_storage(paths, prefixes, indexes)
    keys = list(storage.spans)
    if not keys:
        raise MaskwrightError(
            f"The {len(paths):,} shards of '{text}' hold no picture that can be read."
        )

    labels = np.concatenate([index.labels for index in indexes])
    # Labels of some pictures only are no labels of the source.
    numbers = None if (labels == NO_LABEL).any() else labels.tolist()
    classes = None if numbers is None else [str(number) for number in range(max(numbers) + 1)]
    sizes = np.concatenate([np.stack([index.heights, index.widths], 1) for index in indexes])
    return PictureFiles(
        name=_name(text),
        keys=keys,
        storage=storage,
        labels=numbers,
        classes=classes,
        notes=_notes(paths, prefixes, indexes) + describe_samples(keys),
        sizes=sizes,
    )


def _build_storage(
    paths: Sequence[Path], prefixes: Sequence[str], indexes: Sequence[ShardIndex]
) -> ShardStorage:
    storage = ShardStorage(paths)
    for shard, index in enumerate(indexes):
        # Python's own numbers: a set of millions is walked through, and NumPy's are slower.
        keys = [f"{prefixes[shard]}/{name}" for name in index.names.tolist()]
        spans = zip(keys, index.offsets.tolist(), index.lengths.tolist(), strict=True)
        for key, offset, length in spans:
            storage.spans[key] = ShardSpan(shard, offset, length)
        storage.known.update(zip(keys, index.stamps.tolist(), strict=True))
    return storage


def _name(text: str) -> str:
    """The part of the shards' names that all share, or their folder's name."""
    stem = Path(text).name.split(".")[0]
    shared = _BRACES.sub("", stem).strip("-_*")
    return slug(shared or Path(text).parent.name)


def _notes(
    paths: Sequence[Path], prefixes: Sequence[str], indexes: Sequence[ShardIndex]
) -> tuple[str, ...]:
    lines = [f"{len(paths):,} shards, {paths[0].name} to {paths[-1].name}."]
    broken: list[str] = []
    for prefix, index in zip(prefixes, indexes, strict=True):
        broken += [f"{prefix}/{name}" for name in index.broken.tolist()]
    if broken:
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
