"""Packing: read every picture of a source once, shrink it, and write the store.

It can be stopped at any time and continues where it was.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import torch

from maskwright.data.pixels.decode import DecodeOptions, UnreadableImage, quiet_pillow
from maskwright.data.sources.open import Source, value_range_of
from maskwright.data.sources.store_source import StoreSource
from maskwright.data.sources.survey import nothing_readable
from maskwright.data.store.chunks import ChunkedFile
from maskwright.data.store.lock import exclusive
from maskwright.data.store.open_packed import open_packed
from maskwright.data.store.packed import FACTS, FORMAT, INDEX, PIXELS, READING, PackedStore
from maskwright.data.store.same_picture import hash_pixels
from maskwright.support.environment import cpu_count
from maskwright.support.errors import MaskwrightError
from maskwright.support.files import read_json, write_json
from maskwright.support.variables import cache_folder

# Pictures written together: few enough that an interruption costs seconds, enough for all cores.
CHUNK = 128
# (pictures done, pictures in all)
Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class _Plan:
    """What a store is made of; two stores with the same plan are the same."""

    fingerprint: str
    short_side: int
    channels: int
    format: int = FORMAT
    reading: int = READING


def pack(
    source: Source,
    *,
    short_side: int,
    channels: int = 3,
    folder: Path | None = None,
    progress: Progress | None = None,
) -> PackedStore:
    """Decode a source into a packed store, or open the store when it is there already.

    Unreadable pictures are skipped and listed. An interrupted packing continues, a changed source
    is packed again, and of two processes one waits. The pictures of a store come back as that
    store, with its maps and at its size, unless other channels or a folder are asked for.

    short_side: pictures whose shorter side is longer are shrunk to it.
    channels: 1, 3 or 4 (or the array's own).
    folder: by default one in the cache, named by the content.
    progress: called with (done, total) after each chunk.

    Raises MaskwrightError for a full disk or when nothing is readable.
    """
    # It is packed already.
    if isinstance(source, StoreSource) and folder is None and source.store.channels == channels:
        return source.store
    if short_side < 1:
        raise MaskwrightError(
            f"The short side of packed pictures is at least 1 pixel; got {short_side}."
        )
    plan = _Plan(source.fingerprint, short_side, channels)
    folder = packed_folder(source, short_side, channels) if folder is None else folder
    # The lock lies beside the folder, because the folder itself may be moved away.
    with exclusive(folder.with_name(f".{folder.name}.lock")):
        if not _is_current(folder, plan):
            _build(source, plan, folder, progress)
        # Labels may change while the pixels stay: they come from the source, not from the store.
        return _labeled(open_packed(folder), source)


def _labeled(store: PackedStore, source: Source) -> PackedStore:
    """The pixels of a store under the labels of the source itself.

    The labels in the store serve when the store alone is opened.
    """
    if source.labels is None:
        return replace(store, labels=None, classes=None)
    # Which pictures of the source are in the store: all but the skipped ones.
    skipped = {item.key for item in store.skipped}
    ids = [index for index in range(len(source)) if source.key(index) not in skipped]
    if len(ids) != len(store):
        raise MaskwrightError(
            f"Several pictures of {source.name} have one name and some of them cannot be read, so"
            " it is not known whose label is whose; give each picture a name of its own."
        )
    labels = torch.tensor(source.labels, dtype=torch.int64)[ids]
    classes = None if source.classes is None else tuple(source.classes)
    return replace(store, labels=labels, classes=classes)


def packed_folder(source: Source, short_side: int, channels: int) -> Path:
    """The place in the cache for a source packed this way."""
    return (
        cache_folder()
        / "packed"
        / f"{source.name}-{source.fingerprint}-{short_side}px-{channels}ch"
    )


def _is_current(folder: Path, plan: _Plan) -> bool:
    if not (folder / FACTS).exists():
        # Nothing of the user is ever overwritten.
        if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
            raise MaskwrightError(
                f"'{folder}' holds something else than a packed store; choose another folder for"
                " the store."
            )
        return False
    # Stores of earlier versions do not say how they were read.
    facts = {"reading": 1, **read_json(folder / FACTS)}
    return all(facts.get(name) == value for name, value in asdict(plan).items())


def _build(source: Source, plan: _Plan, folder: Path, progress: Progress | None) -> None:
    try:
        # A hidden folder beside the final one: the same disk, so that it can be renamed.
        file = ChunkedFile(folder.with_name(f".{folder.name}.part"), PIXELS, asdict(plan))
        with quiet_pillow():
            for data, stop, facts in _read_chunks(source, plan, file.stop):
                file.append(data, stop, facts)
                if progress is not None:
                    progress(stop, len(source))
        _finish(source, plan, file)
        _put_in_place(file, folder)
    except OSError as error:
        raise MaskwrightError(
            f"Could not write the packed store '{folder}': {error.strerror or error}. Free some"
            " space or choose another cache with MASKWRIGHT_CACHE; what was packed is kept, run"
            " again to go on."
        ) from error


def _read_chunks(
    source: Source, plan: _Plan, start: int
) -> Iterator[tuple[bytes, int, dict[str, Any]]]:
    """Decode the rest of a source in its order, a chunk at a time: bytes, where they end, facts."""
    options = DecodeOptions(channels=plan.channels, short_side=plan.short_side)
    # Threads, because Pillow decodes without holding the interpreter lock.
    with ThreadPoolExecutor(cpu_count()) as pool:
        for first, stop in pairwise([*range(start, len(source), CHUNK), len(source)]):
            ids = range(first, stop)
            results = list(pool.map(lambda index: _read_or_error(source, index, options), ids))
            # Pictures lie in the file one after another; the skipped ones leave no gap.
            good = [
                (index, pixels)
                for index, pixels in zip(ids, results, strict=True)
                if isinstance(pixels, np.ndarray)
            ]
            facts = {
                "ids": [index for index, _ in good],
                "heights": [pixels.shape[0] for _, pixels in good],
                "widths": [pixels.shape[1] for _, pixels in good],
                "pixel_hashes": list(pool.map(hash_pixels, (pixels for _, pixels in good))),
                "skipped": [
                    (bad.key, bad.reason) for bad in results if isinstance(bad, UnreadableImage)
                ],
            }
            yield b"".join(pixels.tobytes() for _, pixels in good), stop, facts


def _read_or_error(
    source: Source, index: int, options: DecodeOptions
) -> np.ndarray | UnreadableImage:
    try:
        pixels = source.read(index, options)
    except UnreadableImage as error:
        return error
    assert pixels.dtype == np.uint8
    assert pixels.shape[2] == options.channels
    return pixels


def _finish(source: Source, plan: _Plan, file: ChunkedFile) -> None:
    """Write the index and the facts beside the pixels."""
    ids = _collect(file, "ids")
    skipped = _collect(file, "skipped")
    if not ids:
        raise MaskwrightError(
            nothing_readable(source.name, len(source), UnreadableImage(*skipped[0]))
        )
    heights = np.array(_collect(file, "heights"), dtype=np.int64)
    widths = np.array(_collect(file, "widths"), dtype=np.int64)
    num_bytes = heights * widths * plan.channels
    arrays: dict[str, Any] = {
        # A picture begins where all before it end.
        "offsets": np.cumsum(num_bytes) - num_bytes,
        "heights": heights,
        "widths": widths,
    }
    hashes = _collect(file, "pixel_hashes")
    # An earlier version may have begun this store without them; then they are computed when needed.
    if len(hashes) == len(ids):
        arrays["pixel_hashes"] = np.array(hashes, dtype=np.int64)
    if source.labels is not None:
        arrays["labels"] = np.array(source.labels, dtype=np.int64)[ids]
    np.savez(file.part / INDEX, **arrays)
    keys = [source.key(index) for index in ids]
    facts = {
        "name": source.name,
        "classes": source.classes,
        "keys": keys,
        "skipped": skipped,
        "value_range": value_range_of(source),
    }
    write_json(file.part / FACTS, {**asdict(plan), **file.checksums(), **facts})


def _collect(file: ChunkedFile, name: str) -> list[Any]:
    """The facts of this name of all chunks, in one list."""
    return [value for chunk in file.chunks for value in chunk.facts.get(name, ())]


def _put_in_place(file: ChunkedFile, folder: Path) -> None:
    """Move the finished store to its name; a store of an older source steps aside first."""
    file.remove_journal()
    if folder.exists():
        # Two renames, so that the name never stands for a store half written.
        old = folder.with_name(f".{folder.name}.old")
        shutil.rmtree(old, ignore_errors=True)
        folder.rename(old)
        file.part.rename(folder)
        shutil.rmtree(old, ignore_errors=True)
    else:
        file.part.rename(folder)
