"""Memory and seconds of the index of very many pictures in shards, with entries that are made up.

python bench/index_size.py [--pictures 1000000 10000000] [--place FOLDER]

There are no shards and no pixels: what is written is the index that reading shards of 1,000
pictures each would leave, and what is measured is what a training does with it before its first
batch, in a process of its own: names and fingerprint, sizes, the part that is held out, the record
of what is trained on, and the order of an epoch. Resident memory is given with and without the
pages of the files, which the system may take back and processes share.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from maskwright.data.epoch_order import EpochOrder, OrderSettings
from maskwright.data.sources.joined_index import JoinedIndex, join_indexes
from maskwright.data.sources.picture_files import PictureFiles
from maskwright.data.sources.shard_files import LocalShard
from maskwright.data.sources.shard_index import ShardIndex
from maskwright.data.sources.shards import ShardStorage
from maskwright.data.store.splits import hold_out
from maskwright.data.streamed import stream
from maskwright.workflows.runs.same_pictures import parts_fingerprint

PER_SHARD = 1000


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--pictures", type=int, nargs="+", default=[1_000_000, 10_000_000])
    parser.add_argument("--place", type=Path)
    parser.add_argument("--measure", type=Path, help="an index that was written before")
    given = parser.parse_args()
    if given.measure:
        print(json.dumps(measure(given.measure)))
        return
    for count in given.pictures:
        if given.place is not None:
            given.place.mkdir(parents=True, exist_ok=True)
        place = Path(tempfile.mkdtemp(dir=given.place))
        started = time.perf_counter()
        write(place / "index", count)
        seconds = time.perf_counter() - started
        size = sum(path.stat().st_size for path in (place / "index").iterdir())
        words = [sys.executable, __file__, "--measure", str(place / "index")]
        done = subprocess.run(words, capture_output=True, text=True, check=True)
        print(f"{count:,} pictures: written in {seconds:.0f} s, {size / 1e9:.2f} GB", flush=True)
        print(done.stdout, flush=True)
        shutil.rmtree(place)


def write(folder: Path, count: int) -> None:
    """The index of `count` pictures."""
    shards = -(-count // PER_SHARD)
    prefixes = [f"photos-{shard:06d}.tar" for shard in range(shards)]
    join_indexes(folder, prefixes, made_up(count))


def made_up(count: int) -> Iterator[ShardIndex]:
    """Indexes of shards, each like that of 1,000 photographs."""
    rng = np.random.default_rng(0)
    for start in range(0, count, PER_SHARD):
        size = min(PER_SHARD, count - start)
        lengths = rng.integers(20_000, 90_000, size)
        checksums = rng.integers(0, 1 << 32, size)
        stamps = [
            f"{length}-{checksum:x}" for length, checksum in zip(lengths, checksums, strict=True)
        ]
        yield ShardIndex(
            place="photos.tar",
            names=np.array([f"{start + at:09d}.jpg" for at in range(size)]),
            offsets=lengths.cumsum(),
            lengths=lengths,
            stamps=np.array(stamps),
            heights=rng.integers(300, 600, size),
            widths=rng.integers(300, 600, size),
            labels=np.full(size, -1),
            broken=np.array([], dtype=str),
        )


def measure(folder: Path) -> dict[str, Any]:
    """Seconds and megabytes of each thing that a training does with the index."""
    steps: dict[str, Any] = {"at the start": memory()}

    def take(name: str, work: Callable[[], Any]) -> Any:
        started = time.perf_counter()
        result = work()
        steps[name] = {"seconds": round(time.perf_counter() - started, 2), **memory()}
        return result

    index = JoinedIndex(folder)
    source = take("open", lambda: source_of(index))
    take("fingerprint", lambda: source.fingerprint)
    store = take("sizes", lambda: stream(source, short_side=256))
    parts = take("hold out", lambda: hold_out(store, 1000, 0))
    take("record", lambda: parts_fingerprint(parts.train, parts.held))
    order = EpochOrder(len(parts.train), OrderSettings(batch_size=256, seed=0))
    take("order of an epoch", lambda: next(iter(order)))
    keys = [source.keys[at] for at in np.random.default_rng(1).integers(0, len(source), 1000)]
    take("find 1,000 names", lambda: [index.names.find(key) for key in keys])
    return steps


def source_of(index: JoinedIndex) -> PictureFiles:
    """The source that `open_shards` would make of it."""
    sizes = np.stack([index.column("heights"), index.column("widths")], 1)
    storage = ShardStorage([LocalShard(Path("photos.tar"))], index)
    return PictureFiles(name="photos", keys=index.names, storage=storage, sizes=sizes)


def memory() -> dict[str, int]:
    """Megabytes that are resident now, those of them that are no file's, and the most so far."""
    text = Path("/proc/self/status").read_text()
    lines = dict(line.split(":", 1) for line in text.splitlines())
    words = {"resident": "VmRSS", "own": "RssAnon", "most": "VmHWM"}
    return {name: int(lines[word].split()[0]) // 1024 for name, word in words.items()}


if __name__ == "__main__":
    main()
