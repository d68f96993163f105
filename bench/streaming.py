"""How many pictures a second one core streams from WebDataset shards: read, decoded, cut and
resized, as `pretrain --stream` does it.

python bench/streaming.py [--rounds 5] [--pictures 512]

The pictures are crops of photographs bundled with scikit-image, 375x500 pixels, JPEG quality 90 (as
in ImageNet), 128 to a shard, in a temporary folder; crops cover 0.2 to 1 of the area and end as
224x224 bytes. The shards lie in the file cache, so this is the processor's rate and not the disk's.
Beside it: the same pictures from a packed store (decoded once), and what writing the index takes.
"""

from __future__ import annotations

import argparse
import io
import os
import statistics
import tarfile
import tempfile
import time
from pathlib import Path

import numpy as np
import skimage.data
import torch
from PIL import Image

from maskwright.data.augment.transforms import Augment
from maskwright.data.loader import LoaderSettings, ResumableLoader, build_loader
from maskwright.data.packing import pack
from maskwright.data.sources.open import open_source
from maskwright.data.streamed import stream

BATCH, SIZE, SIDE, PER_SHARD = 64, 224, 256, 128


def main() -> None:
    """Write shards, then time index, stream and store."""
    options = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    options.add_argument("--rounds", type=int, default=5)
    options.add_argument("--pictures", type=int, default=512)
    chosen = options.parse_args()
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as place:
        os.environ["MASKWRIGHT_CACHE"] = f"{place}/cache"
        shards = write_shards(Path(place), chosen.pictures)
        start = time.perf_counter()
        source = open_source(shards)
        print(
            f"index: {chosen.pictures / (time.perf_counter() - start):,.0f} pictures/s, all cores,"
            " once"
        )
        loaders = {
            "streamed": stream(source, short_side=SIDE),
            "packed": pack(source, short_side=SIDE),
        }
        for name, store in loaders.items():
            loader = build_loader(
                store, Augment(size=(SIZE, SIZE)), LoaderSettings(batch_size=BATCH, seed=0)
            )
            rates = [
                chosen.pictures / BATCH // 1 * BATCH / seconds(loader, epoch)
                for epoch in range(chosen.rounds)
            ]
            print(
                f"{name}: {statistics.median(rates):,.0f} pictures/s on one core"
                f" [{min(rates):,.0f}, {max(rates):,.0f}]"
            )


def seconds(loader: ResumableLoader, epoch: int) -> float:
    """Time one epoch."""
    loader.set_epoch(epoch)
    start = time.perf_counter()
    for _ in loader:
        pass
    return time.perf_counter() - start


def write_shards(place: Path, count: int) -> str:
    """Write crops of photographs as WebDataset shards; returns how to name them."""
    photos = [skimage.data.astronaut(), skimage.data.coffee(), skimage.data.rocket()]
    rng = np.random.default_rng(0)
    size = 0
    for shard in range(-(-count // PER_SHARD)):
        with tarfile.open(place / f"photos-{shard:04d}.tar", "w") as archive:
            for at in range(shard * PER_SHARD, min(count, (shard + 1) * PER_SHARD)):
                photo = photos[at % len(photos)]
                top, left = (
                    int(rng.integers(0, side - want + 1))
                    for side, want in zip(photo.shape, (375, 500), strict=False)
                )
                content = io.BytesIO()
                Image.fromarray(photo[top : top + 375, left : left + 500]).save(
                    content, "JPEG", quality=90
                )
                member = tarfile.TarInfo(f"{at:06d}.jpg")
                member.size = content.tell()
                content.seek(0)
                archive.addfile(member, content)
                size += member.size
    print(f"{count} pictures of {size / count / 1000:.0f} kB")
    return str(place / "photos-*.tar")


if __name__ == "__main__":
    main()
