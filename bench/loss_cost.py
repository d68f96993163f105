"""Time a training step under each loss and print what the loss adds to the step with mse alone,
interleaved in one process.

python bench/loss_cost.py [--rounds 6] [--side 96] [--patch 8] [--batch 64] [--model stl10_192x8]
[--cnn FILE] FILE holds EfficientNet-Lite0 weights for one more line; VGG19 has random weights,
which cost the same as any others.
"""

from __future__ import annotations

import argparse
import os
import statistics
import time
from collections.abc import Callable

import torch

from maskwright.losses.objective import build_objective
from maskwright.models.autoencoder import MaskedAutoencoder
from maskwright.models.config import ModelConfig
from maskwright.models.sizes import SIZES
from maskwright.patches import PixelScale, split
from maskwright.support.environment import cpu_has_fast_bf16, keep_freed_memory, versions
from maskwright.support.seeding import sample_rng, torch_generator
from maskwright.training.optimizer import build_optimizer
from maskwright.weights.extractors import load_extractor

LOSSES = (
    "mse(visible=0.1)",
    "mse + laplacian",
    "mse + focal_frequency",
    "mse + focal_frequency(over='composite')",
    "mse + uniformity",
    "mse + perceptual(weights='random', layers=['relu1_1', 'relu2_1', 'relu3_1'])",
    "mse + perceptual(weights='random')",
)
SCALE = PixelScale((0.45, 0.45, 0.4), (0.25, 0.25, 0.25))


def build_step(options: argparse.Namespace, loss: str) -> Callable[[], object]:
    """One optimizer step on random images under a fixed random mask of 75 %."""
    size = SIZES[options.model]
    config = ModelConfig(
        image_size=(options.side, options.side),
        patch_size=options.patch,
        target="raw",
        **{
            name: getattr(size, name)
            for name in (
                "width",
                "depth",
                "heads",
                "decoder_width",
                "decoder_depth",
                "decoder_heads",
            )
        },
    )
    model = MaskedAutoencoder(config)
    images = torch.rand(options.batch, 3, options.side, options.side, generator=torch_generator(0))
    count = model.grid.num_patches
    mask = split(
        torch.zeros(options.batch, count),
        count // 4,
        rng=sample_rng(0, 0, torch.arange(options.batch)),
    )
    optimizer, objective = (
        build_optimizer([model], weight_decay=0.05, beta2=0.95),
        build_objective(loss, SCALE, load_extractor),
    )

    def step() -> None:
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=cpu_has_fast_bf16()):
            total = objective(
                model(SCALE.to_model(images), mask, visible=objective.needs.visible), images
            ).total
        total.backward()
        optimizer.step()
        optimizer.zero_grad()

    return step


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=6)
    parser.add_argument("--side", type=int, default=96)
    parser.add_argument("--patch", type=int, default=8)
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--model", default="stl10_192x8")
    parser.add_argument("--cnn")
    options = parser.parse_args()
    keep_freed_memory()
    more = (
        (
            (
                "mse + perceptual(extractor='timm:efficientnet_lite0', layers=[0, 1, 2],"
                f" weights='{options.cnn}')"
            ),
        )
        if options.cnn
        else ()
    )
    steps = {loss: build_step(options, loss) for loss in ("mse", *LOSSES, *more)}
    times: dict[str, list[float]] = {loss: [] for loss in steps}
    print(
        f"{versions()} threads {torch.get_num_threads()} load {os.getloadavg()[0]:.1f}"
        f" {vars(options)}",
        flush=True,
    )
    for turn in range(options.rounds + 1):
        for loss, step in steps.items():
            start = time.perf_counter()
            step()
            if turn:
                times[loss].append(time.perf_counter() - start)
    plain = times["mse"]
    print(f"{'mse':70} {statistics.median(plain) * 1e3:7.0f} ms a step")
    for loss, spent in times.items():
        shares = [mine / base - 1 for mine, base in zip(spent, plain, strict=True)]
        low, middle, high = (100 * share for share in statistics.quantiles(shares, n=4))
        print(
            f"{loss[:70]:70} {statistics.median(spent) * 1e3:7.0f} ms, {middle:+.0f} % [{low:+.0f},"
            f" {high:+.0f}]"
        )


if __name__ == "__main__":
    main()
