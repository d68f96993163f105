"""Packing: read every picture of a source once, shrink it, and write the store; it can be stopped at any time and goes on where it was."""

from __future__ import annotations

import json
import shutil
import zlib
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from maskwright.data.decode import UnreadableImage, Wanted, quiet_pillow
from maskwright.data.lock import exclusive
from maskwright.data.packed import FACTS, FORMAT, INDEX, PIXELS, PackedStore, Skipped, open_packed
from maskwright.data.sources import Source
from maskwright.data.survey import nothing_readable
from maskwright.support.environment import cache_folder, cpu_count
from maskwright.support.errors import MaskwrightError
from maskwright.support.files import read_json, write_json

CHUNK = 128
_PLAN, _JOURNAL = "plan.json", "journal.jsonl"
Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class _Plan:
    """What a store is made of; two stores with the same plan are the same."""

    fingerprint: str
    short_side: int
    channels: int
    format: int = FORMAT


@dataclass(frozen=True)
class _Chunk:
    """One line of the journal: the pictures written together, up to byte `end` of the file and up to picture `stop` of the source."""

    stop: int
    end: int
    checksum: int
    ids: list[int]
    heights: list[int]
    widths: list[int]
    skipped: list[tuple[str, str]]


def pack(
    source: Source, *, short_side: int, channels: int = 3, folder: Path | None = None, progress: Progress | None = None
) -> PackedStore:
    """Decode a source into a packed store, or open the store when it is there already; unreadable pictures are skipped and listed.

    short_side: pictures whose shorter side is longer are shrunk to it; channels: 1, 3 or 4 (or the array's own); folder: by default
    a place in the cache named by the content; progress(done, total) is called as it goes. An interrupted packing continues; a
    changed source is packed again; of two processes one waits. Raises MaskwrightError for a full disk or when nothing is readable.
    """
    if short_side < 1:
        raise MaskwrightError(f"The short side of packed pictures is at least 1 pixel; got {short_side}.")
    plan = _Plan(source.fingerprint, short_side, channels)
    folder = packed_folder(source, short_side, channels) if folder is None else folder
    with exclusive(folder.with_name(f".{folder.name}.lock")):
        if not _is_current(folder, plan):
            _build(source, plan, folder, progress)
        return open_packed(folder)


def packed_folder(source: Source, short_side: int, channels: int) -> Path:
    """The place in the cache for a source packed this way."""
    return cache_folder() / "packed" / f"{source.name}-{source.fingerprint}-{short_side}px-{channels}ch"


def _is_current(folder: Path, plan: _Plan) -> bool:
    if not (folder / FACTS).exists():
        if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
            raise MaskwrightError(f"'{folder}' holds something else than a packed store; choose another place for the store.")
        return False
    facts = read_json(folder / FACTS)
    return all(facts.get(name) == value for name, value in asdict(plan).items())


def _build(source: Source, plan: _Plan, folder: Path, progress: Progress | None) -> None:
    part = folder.with_name(f".{folder.name}.part")
    try:
        chunks = _resume(part, plan)
        with (part / PIXELS).open("ab") as pixels, (part / _JOURNAL).open("a", encoding="utf-8") as journal, quiet_pillow():
            for chunk, data in _read_chunks(source, plan, chunks[-1] if chunks else None):
                pixels.write(data)
                pixels.flush()
                journal.write(json.dumps(asdict(chunk)) + "\n")
                journal.flush()
                chunks.append(chunk)
                if progress is not None:
                    progress(chunk.stop, len(source))
        _finish(source, plan, chunks, part)
        _put_in_place(part, folder)
    except OSError as error:
        raise MaskwrightError(
            f"Could not write the packed store '{folder}': {error.strerror or error}. "
            "Free some space or choose another cache with MASKWRIGHT_CACHE; what was packed is kept, run again to go on."
        ) from error


def _resume(part: Path, plan: _Plan) -> list[_Chunk]:
    """Return the chunks of an interrupted packing whose bytes are whole, and cut the files back to them; start anew for another plan."""
    if not (part / _PLAN).exists() or read_json(part / _PLAN) != asdict(plan):
        shutil.rmtree(part, ignore_errors=True)
        part.mkdir(parents=True)
        write_json(part / _PLAN, asdict(plan))
    for name in (PIXELS, _JOURNAL):
        (part / name).touch()
    chunks = list(_whole_chunks(part))
    with (part / PIXELS).open("r+b") as pixels:
        pixels.truncate(chunks[-1].end if chunks else 0)
    (part / _JOURNAL).write_text("".join(json.dumps(asdict(chunk)) + "\n" for chunk in chunks), encoding="utf-8")
    return chunks


def _whole_chunks(part: Path) -> Iterator[_Chunk]:
    start = 0
    with (part / PIXELS).open("rb") as pixels:
        for line in (part / _JOURNAL).read_text(encoding="utf-8").splitlines():
            try:
                chunk = _Chunk(**json.loads(line))
            except (ValueError, TypeError):
                return  # the line was cut off by the interruption
            if zlib.crc32(pixels.read(chunk.end - start)) != chunk.checksum:
                return
            start = chunk.end
            yield chunk


def _read_chunks(source: Source, plan: _Plan, last: _Chunk | None) -> Iterator[tuple[_Chunk, bytes]]:
    """Decode the rest of a source, a chunk at a time on all cores, in the source's order."""
    wanted = Wanted(channels=plan.channels, short_side=plan.short_side)
    start, end = (last.stop, last.end) if last else (0, 0)
    with ThreadPoolExecutor(cpu_count()) as pool:
        for first, stop in pairwise([*range(start, len(source), CHUNK), len(source)]):
            ids = range(first, stop)
            results = list(pool.map(lambda index: _read_one(source, index, wanted), ids))
            good = [(index, pixels) for index, pixels in zip(ids, results, strict=True) if isinstance(pixels, np.ndarray)]
            data = b"".join(pixels.tobytes() for _, pixels in good)
            end += len(data)
            chunk = _Chunk(
                stop=stop,
                end=end,
                checksum=zlib.crc32(data),
                ids=[index for index, _ in good],
                heights=[pixels.shape[0] for _, pixels in good],
                widths=[pixels.shape[1] for _, pixels in good],
                skipped=[(bad.key, bad.reason) for bad in results if isinstance(bad, UnreadableImage)],
            )
            yield chunk, data


def _read_one(source: Source, index: int, wanted: Wanted) -> np.ndarray | UnreadableImage:
    try:
        pixels = source.read(index, wanted)
    except UnreadableImage as error:
        return error
    assert pixels.dtype == np.uint8
    assert pixels.shape[2] == wanted.channels
    return pixels


def _finish(source: Source, plan: _Plan, chunks: list[_Chunk], part: Path) -> None:
    """Write the index and the facts beside the pixels."""
    ids = [index for chunk in chunks for index in chunk.ids]
    skipped = [Skipped(*one) for chunk in chunks for one in chunk.skipped]
    if not ids:
        first = UnreadableImage(skipped[0].key, skipped[0].reason)
        raise MaskwrightError(nothing_readable(source.name, len(source), first))
    heights = np.array([height for chunk in chunks for height in chunk.heights], dtype=np.int64)
    widths = np.array([width for chunk in chunks for width in chunk.widths], dtype=np.int64)
    sizes = heights * widths * plan.channels
    arrays = {"offsets": np.cumsum(sizes) - sizes, "heights": heights, "widths": widths}
    if source.labels is not None:
        arrays["labels"] = np.array(source.labels, dtype=np.int64)[ids]
    np.savez(part / INDEX, **arrays)
    write_json(part / FACTS, {**asdict(plan), **_facts(source, chunks, ids, skipped)})


def _facts(source: Source, chunks: list[_Chunk], ids: list[int], skipped: list[Skipped]) -> dict[str, Any]:
    return {
        "num_bytes": chunks[-1].end,
        "chunk_ends": [chunk.end for chunk in chunks],
        "chunk_checksums": [chunk.checksum for chunk in chunks],
        "classes": source.classes,
        "keys": [source.key(index) for index in ids],
        "skipped": [(one.key, one.reason) for one in skipped],
    }


def _put_in_place(part: Path, folder: Path) -> None:
    """Move the finished store to its name; a store of an older source steps aside first."""
    for name in (_PLAN, _JOURNAL):
        (part / name).unlink()
    if folder.exists():
        old = folder.with_name(f".{folder.name}.old")
        shutil.rmtree(old, ignore_errors=True)
        folder.rename(old)
        part.rename(folder)
        shutil.rmtree(old, ignore_errors=True)
    else:
        part.rename(folder)
