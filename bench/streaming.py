"""How many pictures a second one core streams from WebDataset shards: read, decoded, cut and
resized, as `pretrain --stream` does it.

python bench/streaming.py [--rounds 5] [--pictures 512]

The pictures are crops of photographs bundled with scikit-image, 375x500 pixels, JPEG quality 90 (as
in ImageNet), 128 to a shard, in a temporary folder; crops cover 0.2 to 1 of the area and end as
224x224 bytes. The shards lie in the file cache, so this is the processor's rate and not the disk's.
Beside it: the same pictures from a packed store (decoded once), what writing the index takes, and
webdataset's own loader with the same crop (torchvision's), where webdataset is installed. All take
turns, an epoch at a time.
"""

from __future__ import annotations

import argparse
import io
import os
import statistics
import tarfile
import tempfile
import time
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import skimage.data
import torch
from PIL import Image

from maskwright.data.augment.transforms import Augment
from maskwright.data.loader import LoaderSettings, build_loader
from maskwright.data.packing import pack
from maskwright.data.sources.open import open_source
from maskwright.data.streamed import stream

BATCH, SIZE, SIDE, PER_SHARD = 64, 224, 256, 128
# From the number of an epoch to the sizes of its batches.
Epoch = Callable[[int], Iterator[int]]


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
        epochs = {
            "streamed": ours(stream(source, short_side=SIDE)),
            "packed": ours(pack(source, short_side=SIDE)),
        }
        if find_spec("webdataset"):
            epochs["webdataset"] = theirs(sorted(map(str, Path(place).glob("*.tar"))))
        rates: dict[str, list[float]] = {name: [] for name in epochs}
        for epoch in range(chosen.rounds):
            for name, batches in epochs.items():
                start = time.perf_counter()
                count = sum(batches(epoch))
                rates[name].append(count / (time.perf_counter() - start))
        for name, found in rates.items():
            print(
                f"{name}: {statistics.median(found):,.0f} pictures/s on one core"
                f" [{min(found):,.0f}, {max(found):,.0f}]"
            )


def ours(store: Any) -> Epoch:
    """Sizes of the batches of an epoch, as a training reads them."""
    settings = LoaderSettings(batch_size=BATCH, seed=0)
    loader = build_loader(store, Augment(size=(SIZE, SIZE)), settings)

    def batches(epoch: int) -> Iterator[int]:
        loader.set_epoch(epoch)
        for batch in loader:
            yield len(batch[0])

    return batches


def theirs(shards: list[str]) -> Epoch:
    """The same by webdataset: shuffled shards, a buffer of 1,000 pictures, decoded and cut."""
    import webdataset
    from torchvision.transforms import v2

    cut = v2.Compose([v2.PILToTensor(), v2.RandomResizedCrop(SIZE, scale=(0.2, 1.0))])

    def batches(epoch: int) -> Iterator[int]:
        dataset = webdataset.WebDataset(shards, shardshuffle=len(shards), seed=epoch)
        read = dataset.shuffle(1000).decode("pil").to_tuple("jpg").map_tuple(cut)
        for (images,) in read.batched(BATCH):
            yield len(images)

    return batches


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
