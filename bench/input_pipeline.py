"""How many pictures a second two cores prepare: the packed store against torchvision's ImageFolder,
crop and flip only.

python bench/input_pipeline.py [--rounds 10] [--workers 2]

The pictures are crops of photographs bundled with scikit-image, saved as JPEG (quality 90) in a
temporary folder: 256, 112 and 32 pixels on the short side for inputs of 224, 96 and 32. Both
candidates draw RandomResizedCrop boxes (scale 0.2 to 1) and flip, resize bicubically with
antialiasing, end in uint8 tensors in batches of 64, and use the same number of worker processes
with one thread each. They alternate within each round; the median and the spread over the rounds
are printed. Packing is done before and timed apart.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import skimage.data
import torch
import torchvision
from PIL import Image
from torch.utils.data import DataLoader
from torchvision.transforms import v2

from maskwright.data.augment.transforms import Augment
from maskwright.data.loader import LoaderSettings, build_loader
from maskwright.data.packing import pack
from maskwright.data.sources.open import open_source

BATCH = 64
CASES = {224: (256, 768), 96: (112, 2048), 32: (32, 6144)}


def main() -> None:
    """Measure all sizes and print one line for each candidate."""
    options = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    options.add_argument("--rounds", type=int, default=10)
    options.add_argument("--workers", type=int, default=2)
    chosen = options.parse_args()
    torch.set_num_threads(1)
    print(
        f"torch {torch.__version__}, torchvision {torchvision.__version__}, {chosen.workers}"
        f" workers, {chosen.rounds} rounds, batch {BATCH}"
    )
    for size, (side, count) in CASES.items():
        with tempfile.TemporaryDirectory() as place:
            measure(Path(place), size, side, count, chosen.rounds, chosen.workers)


def measure(place: Path, size: int, side: int, count: int, rounds: int, workers: int) -> None:
    """Write pictures, pack them and compare the loaders over one epoch a round."""
    write_pictures(place / "photos" / "all", side, count)
    start = time.perf_counter()
    store = pack(open_source(place / "photos"), short_side=side, folder=place / "store")
    packing = time.perf_counter() - start
    ours = build_loader(
        store, Augment(size=(size, size)), LoaderSettings(batch_size=BATCH, seed=0, workers=workers)
    )
    alone = build_loader(
        store, Augment(size=(size, size)), LoaderSettings(batch_size=BATCH, seed=0)
    )
    usual = image_folder(place / "photos", size, workers)
    rates: dict[str, list[float]] = {
        "packed store": [],
        "packed store, one thread": [],
        "ImageFolder": [],
    }
    for turn in range(rounds + 1):  # the first round warms up
        for name, loader in zip(rates, (ours, alone, usual), strict=True):
            rate = images_per_second(loader)
            if turn:
                rates[name].append(rate)
    print(
        f"\n{size} px from {side} px, {count:,} pictures, packed in {packing:.1f} s"
        f" ({count / packing:,.0f}/s)"
    )
    for name, values in rates.items():
        ratio = statistics.median(
            one / two for one, two in zip(values, rates["ImageFolder"], strict=True)
        )
        print(
            f"  {name:26s} {statistics.median(values):9,.0f} images/s  ({min(values):,.0f} to"
            f" {max(values):,.0f})  {ratio:5.2f}x"
        )


def write_pictures(folder: Path, side: int, count: int) -> None:
    """Cut photographs into `count` JPEG files of side x side (32 px) or side x 4/3 side pixels."""
    folder.mkdir(parents=True)
    photos = [
        Image.fromarray(photo())
        for photo in (
            skimage.data.astronaut,
            skimage.data.chelsea,
            skimage.data.coffee,
            skimage.data.rocket,
        )
    ]
    rng = np.random.default_rng(0)
    width = side if side == 32 else side * 4 // 3
    for at in range(count):
        photo = photos[at % len(photos)]
        part = rng.uniform(0.5, 1.0)
        box_width, box_height = (
            int(photo.width * part),
            int(min(photo.height, photo.width * side / width) * part),
        )
        left, top = (
            int(rng.integers(0, photo.width - box_width + 1)),
            int(rng.integers(0, photo.height - box_height + 1)),
        )
        cut = photo.crop((left, top, left + box_width, top + box_height)).resize(
            (width, side), Image.Resampling.BICUBIC
        )
        cut.save(folder / f"{at:05d}.jpg", quality=90)


def image_folder(root: Path, size: int, workers: int) -> DataLoader[tuple[torch.Tensor, int]]:
    """The usual way: decode each JPEG with Pillow, RandomResizedCrop and flip as PIL pictures, then
    a uint8 tensor.
    """
    steps = v2.Compose(
        [
            v2.RandomResizedCrop(
                size, scale=(0.2, 1.0), interpolation=v2.InterpolationMode.BICUBIC
            ),
            v2.RandomHorizontalFlip(),
            v2.PILToTensor(),
        ]
    )
    data = torchvision.datasets.ImageFolder(str(root), steps)
    return DataLoader(
        data,
        batch_size=BATCH,
        shuffle=True,
        drop_last=True,
        num_workers=workers,
        persistent_workers=True,
    )


def images_per_second(loader: Iterable[object]) -> float:
    """Time one whole epoch; workers live on from the warm-up round."""
    start = time.perf_counter()
    seen = sum(BATCH for _ in loader)
    return seen / (time.perf_counter() - start)


if __name__ == "__main__":
    main()
