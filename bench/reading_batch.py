"""Pictures per second whose features an encoder reads, by how many are encoded together.

python bench/reading_batch.py [--shapes vit_nano:32:4 vit_nano:128:8] [--batches 128 32 16]
[--pictures 512] [--threads 1]. A shape is model:image side:patch side. Batches take turns in each
round, and the best round counts, since other work can only slow one down.
"""

from __future__ import annotations

import argparse
import time

import torch

from maskwright.evaluation import readout
from maskwright.evaluation.readout import DEFAULT_READOUT, Reader, find_readout
from maskwright.models.autoencoder import MaskedAutoencoder
from maskwright.models.config import ModelConfig
from maskwright.models.sizes import SIZES
from maskwright.support.environment import versions
from maskwright.support.seeding import torch_generator

ROUNDS = 3


def build_reader(shape: str) -> tuple[Reader, int]:
    """The reader of a shape, and the side of its images."""
    name, side, patch = shape.split(":")
    size = SIZES[name]
    parts = ("width", "depth", "heads", "decoder_width", "decoder_depth", "decoder_heads")
    config = ModelConfig(
        image_size=(int(side), int(side)),
        patch_size=int(patch),
        **{part: getattr(size, part) for part in parts},
    )
    model = MaskedAutoencoder(config, torch_generator(0, "bench")).eval()
    return Reader(model, find_readout(DEFAULT_READOUT)), int(side)


def time_batch(reader: Reader, images: torch.Tensor, batch: int) -> float:
    """Seconds to read all images, so many at once."""
    # What the reader splits by itself must not be split twice.
    readout.AT_ONCE_ON_CPU = batch
    begun = time.perf_counter()
    with torch.no_grad():
        reader.read(images)
    return time.perf_counter() - begun


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--shapes", nargs="+", default=["vit_nano:32:4", "vit_nano:128:8"])
    parser.add_argument("--batches", nargs="+", type=int, default=[128, 32, 16])
    parser.add_argument("--pictures", type=int, default=512)
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    print(f"{versions()['torch']}, {options.threads} threads, float32")
    for shape in options.shapes:
        reader, side = build_reader(shape)
        images = torch.rand(options.pictures, 3, side, side)
        time_batch(reader, images[:64], 32)  # warms up
        best = dict.fromkeys(options.batches, float("inf"))
        for _ in range(ROUNDS):
            for batch in options.batches:
                best[batch] = min(best[batch], time_batch(reader, images, batch))
        speeds = "  ".join(f"{n}: {options.pictures / best[n]:,.0f}" for n in options.batches)
        print(f"{shape}  pictures/s by batch  {speeds}")


if __name__ == "__main__":
    main()
