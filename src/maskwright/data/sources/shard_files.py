"""Where a shard lies: on a disk of this machine, or behind an address."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import BinaryIO, Protocol

from maskwright.data.sources.globs import format_braces, is_pattern, matching_files
from maskwright.data.sources.index_cache import file_stamp
from maskwright.data.sources.remote_files import find_remote, is_remote
from maskwright.support.errors import MaskwrightError

_RANGE_LEFT = re.compile(r"\{[^{},]*\.\.[^{},]*\}")  # braces that no range can be read from
_EXAMPLES = 3  # names in a message


class ShardFile(Protocol):
    """One .tar file; a `RemoteFile` is one, too."""

    @property
    def name(self) -> str:
        """Its name without folders."""
        ...

    @property
    def place(self) -> str:
        """Its whole path or address."""
        ...

    def stamp(self) -> str:
        """What changes when the file does; raises MaskwrightError where it cannot be read."""
        ...

    def open(self) -> BinaryIO:
        """Open it for reading; raises OSError."""
        ...


@dataclass(frozen=True)
class LocalShard:
    """A shard on a disk.

    path: the file.
    """

    path: Path

    @property
    def name(self) -> str:
        return self.path.name

    @property
    def place(self) -> str:
        return str(self.path.absolute())

    def stamp(self) -> str:
        return file_stamp(self.path)

    def open(self) -> BinaryIO:
        return self.path.open("rb")


def find_shards(text: str) -> Sequence[ShardFile]:
    """The shards that braces ({000..127}, {a,b}) and patterns (*, ?) stand for.

    Raises MaskwrightError when a named shard is not there.
    """
    texts = format_braces(text)
    if wrong := _RANGE_LEFT.search(texts[0]):
        raise MaskwrightError(f"'{wrong[0]}' is no range of shards; write e.g. {{000..127}}.")
    shards: Sequence[ShardFile] = find_remote(texts) if is_remote(text) else _on_disk(text, texts)
    if not shards:
        raise MaskwrightError(f"No shard matches '{text}'.")
    return shards


def name_below_root(shards: Sequence[ShardFile]) -> list[str]:
    """Each shard's path below the folder that all share, with forward slashes."""
    places = [PurePosixPath(Path(shard.place).as_posix()) for shard in shards]
    parts = [place.parent.parts for place in places]
    shared = 0
    for level in zip(*parts, strict=False):
        if len(set(level)) > 1:
            break
        shared += 1
    return ["/".join(place.parts[shared:]) for place in places]


def _on_disk(text: str, texts: Sequence[str]) -> Sequence[LocalShard]:
    paths = [Path(name).expanduser() for name in texts]
    # A pattern takes the shards that are there; braces name shards that must be there.
    if any(is_pattern(str(path)) for path in paths):
        return [LocalShard(path) for path in matching_files(map(str, paths))]
    missing = [path for path in paths if not path.is_file()]
    if missing:
        examples = ", ".join(map(str, missing[:_EXAMPLES]))
        raise MaskwrightError(
            f"{len(missing):,} of the {len(paths):,} shards of '{text}' are not there, for"
            f" example {examples}."
        )
    return [LocalShard(path) for path in paths]
