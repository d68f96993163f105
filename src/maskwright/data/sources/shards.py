"""Many .tar files as one source, as WebDataset writes them (`photos-{000..127}.tar`): indexed once,
then read in any order.
"""

from __future__ import annotations

import json
import os
import re
import tarfile
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from maskwright.data.pixels.decode import UnreadableImage, picture_size, quiet_pillow
from maskwright.data.sources.globs import format_braces, is_pattern, matching_files
from maskwright.data.sources.identity import stamp_bytes
from maskwright.data.sources.picture_files import PICTURE_EXTENSIONS, PictureFiles, extension, slug
from maskwright.data.sources.whole_tar import describe_samples, sample_of, whole_members
from maskwright.support.environment import cpu_count
from maskwright.support.errors import MaskwrightError
from maskwright.support.files import hash_strings, write_atomic
from maskwright.support.variables import cache_folder

_BRACES = re.compile(r"\{([^{}]*)\}")
_RANGE_LEFT = re.compile(r"\{[^{},]*\.\.[^{},]*\}")  # braces that could not be spelled out
_NO_LABEL = -1
_EXAMPLES = 3
_INDEX_FORMAT = "2"
_Row = tuple[str, str, int, int, int, int]
"""Of one picture: name, stamp, offset, length, height, width."""


@dataclass(frozen=True, kw_only=True, eq=False)
class ShardIndex:
    """What one shard holds: names, where each picture's bytes lie, stamps of their content, heights
    and widths in pixels, labels (-1: none), what is broken.
    """

    path: Path
    names: np.ndarray
    offsets: np.ndarray
    lengths: np.ndarray
    stamps: np.ndarray
    heights: np.ndarray
    widths: np.ndarray
    labels: np.ndarray
    broken: np.ndarray


class ShardStorage:
    """Reads pictures from the places that the indexes name; a file is open for one picture only, so
    threads and forks are safe.
    """

    def __init__(
        self,
        paths: Sequence[Path],
        places: dict[str, tuple[int, int, int]],
        known: dict[str, str],
    ) -> None:
        """places: for each key its shard's number, offset and length; known: the stamp of its
        content.
        """
        self._paths = list(paths)
        self._places, self._known = places, known

    def stamps(self, keys: Sequence[str]) -> list[str]:
        return [self._known[key] for key in keys]

    def read_bytes(self, key: str) -> bytes:
        shard, offset, length = self._places[key]
        with self._paths[shard].open("rb") as file:
            file.seek(offset)
            data = file.read(length)
        if len(data) < length:
            raise OSError(f"the shard '{self._paths[shard].name}' ends before this picture does")
        return data


def is_shards(text: str) -> bool:
    """Whether a text names several .tar files: with braces or a pattern, ending in .tar."""
    return text.lower().endswith(".tar") and is_pattern(text) and not Path(text).exists()


def expand(text: str) -> list[Path]:
    """Spell out braces ({000..127}, {a,b}) and patterns (*, ?); raises MaskwrightError when a named
    shard is not there.
    """
    spelled = [Path(one).expanduser() for one in format_braces(text)]
    if wrong := _RANGE_LEFT.search(str(spelled[0])):
        raise MaskwrightError(f"'{wrong[0]}' is no range of shards; write e.g. {{000..127}}.")
    if any(is_pattern(str(one)) for one in spelled):
        found = matching_files(map(str, spelled))
        if not found:
            raise MaskwrightError(f"No shard matches '{text}'.")
        return found
    missing = [one for one in spelled if not one.is_file()]
    if missing:
        named = ", ".join(str(one) for one in missing[:_EXAMPLES])
        raise MaskwrightError(
            f"{len(missing):,} of the {len(spelled):,} shards of '{text}' are not there, for"
            f" example {named}."
        )
    return spelled


def open_shards(text: str) -> PictureFiles:
    """Open every shard that a text names as one source, in the order of the shards; labels come
    from `.cls` members or `label` in `.json`.

    A shard is read once, to write its index into the cache; pictures with broken headers are left
    out and noted. Raises MaskwrightError for shards that are missing, damaged, compressed or
    without pictures.
    """
    paths = expand(text)
    with quiet_pillow(), ThreadPoolExecutor(cpu_count()) as pool:
        indexes = list(pool.map(index_shard, paths))
    root = Path(os.path.commonpath([path.parent for path in paths]))
    prefixes = [path.relative_to(root).as_posix() for path in paths]
    places: dict[str, tuple[int, int, int]] = {}
    known: dict[str, str] = {}
    for at, index in enumerate(indexes):
        keys = [f"{prefixes[at]}/{name}" for name in index.names.tolist()]
        spans = zip(index.offsets.tolist(), index.lengths.tolist(), strict=True)
        places |= {key: (at, *span) for key, span in zip(keys, spans, strict=True)}
        known |= dict(zip(keys, index.stamps.tolist(), strict=True))
    if not places:
        raise MaskwrightError(
            f"The {len(paths):,} shards of '{text}' hold no picture that can be read."
        )
    labels = np.concatenate([index.labels for index in indexes])
    numbers = None if (labels == _NO_LABEL).any() else labels.tolist()
    sizes = np.concatenate([np.stack([index.heights, index.widths], 1) for index in indexes])
    broken = [
        f"{prefix}/{one}"
        for prefix, index in zip(prefixes, indexes, strict=True)
        for one in index.broken.tolist()
    ]
    return PictureFiles(
        name=slug(
            _BRACES.sub("", Path(text).name.split(".")[0]).strip("-_*") or Path(text).parent.name
        ),
        keys=list(places),
        storage=ShardStorage(paths, places, known),
        labels=numbers,
        classes=None if numbers is None else [str(number) for number in range(max(numbers) + 1)],
        notes=_notes(paths, broken) + describe_samples(list(places)),
        sizes=sizes,
    )


def index_shard(path: Path) -> ShardIndex:
    """Read a shard's index from the cache, or read the shard once and write it there."""
    place = (
        cache_folder()
        / "shards"
        / f"{slug(path.stem)}-{hash_strings([_INDEX_FORMAT, str(path.resolve()), _stamp(path)])}.npz"
    )
    if not place.exists():
        rows = _read_shard(path)
        write_atomic(place, lambda temporary: _save(temporary, rows))
    with place.open("rb") as file, np.load(file, allow_pickle=False) as arrays:
        return ShardIndex(path=path, **{name: arrays[name] for name in arrays.files})


def _save(path: Path, arrays: dict[str, np.ndarray]) -> None:
    with path.open("wb") as file:
        np.savez(file, **arrays)  # type: ignore[arg-type]


def _read_shard(path: Path) -> dict[str, np.ndarray]:
    rows: list[_Row] = []
    labels: dict[str, int] = {}
    broken: list[str] = []
    try:
        for archive, member in whole_members(path, "r:"):
            kind = extension(member.name)
            if kind in PICTURE_EXTENSIONS:
                _add_picture(archive, member, rows, broken)
            elif kind in ("cls", "json"):
                labels.update(_label(archive, member, kind, path))
    except (tarfile.TarError, EOFError, OSError) as error:
        raise MaskwrightError(
            f"Cannot read the shard '{path}': {error}. Shards are plain .tar files; is this one"
            " whole?"
        ) from error
    names, stamps = [row[0] for row in rows], [row[1] for row in rows]
    numbers = np.array([row[2:] for row in rows], dtype=np.int64).reshape(-1, 4).T
    found = np.array([labels.get(sample_of(name), _NO_LABEL) for name in names], dtype=np.int64)
    return {
        "names": np.array(names, dtype=str),
        "stamps": np.array(stamps, dtype=str),
        "broken": np.array(broken, dtype=str),
        **dict(zip(("offsets", "lengths", "heights", "widths"), numbers, strict=True)),
        "labels": found,
    }


def _add_picture(
    archive: tarfile.TarFile,
    member: tarfile.TarInfo,
    rows: list[_Row],
    broken: list[str],
) -> None:
    content = archive.extractfile(member)
    assert content is not None
    data = content.read()
    try:
        height, width = picture_size(data, member.name)
    except UnreadableImage:
        broken.append(member.name)
        return
    rows.append((member.name, stamp_bytes(data), member.offset_data, member.size, height, width))


def _label(
    archive: tarfile.TarFile, member: tarfile.TarInfo, kind: str, path: Path
) -> dict[str, int]:
    """The class number in a `.cls` member, or under `label` or `cls` in a `.json` one, where there
    is one.
    """
    content = archive.extractfile(member)
    assert content is not None
    text = content.read()
    try:
        value = (
            int(text)
            if kind == "cls"
            else next(
                (json.loads(text)[name] for name in ("label", "cls") if name in json.loads(text)),
                None,
            )
        )
    except (ValueError, TypeError) as error:
        raise MaskwrightError(
            f"'{member.name}' in the shard '{path}' is no class number: {text[:40]!r}."
        ) from error
    return {sample_of(member.name): value} if isinstance(value, int) else {}


def _stamp(path: Path) -> str:
    try:
        facts = path.stat()
    except OSError as error:
        raise MaskwrightError(f"Cannot read the shard '{path}': {error.strerror}.") from error
    return f"{path.name}-{facts.st_size}-{facts.st_mtime_ns}"


def _notes(paths: Sequence[Path], broken: Sequence[str]) -> tuple[str, ...]:
    lines = [f"{len(paths):,} shards, {paths[0].name} to {paths[-1].name}."]
    if broken:
        lines.append(
            f"{len(broken):,} pictures with broken headers left out:"
            f" {', '.join(broken[:_EXAMPLES])}."
        )
    return tuple(lines)
