"""Time what a target adds to a training step: the step with raw pixels, and each target by itself,
taking turns in one process.

python bench/target_cost.py [--rounds 7] [--side 32] [--patch 4] [--batch 128] [--model vit_nano]
[--decoder cross] [--predict 0.34] Shares are of the whole step: forward, loss, backward, AdamW.
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
from maskwright.patches import Grid, PatchMask, patchify, split
from maskwright.patches.target import FittedTarget, PatchShape, Target, measure_target
from maskwright.support.environment import cpu_has_fast_bf16, keep_freed_memory, versions
from maskwright.support.seeding import sample_rng, torch_generator
from maskwright.targets.building import build_target
from maskwright.training.optimizer import build_optimizer

TARGETS = (
    "raw",
    "normalized",
    "lowpass",
    "components",
    "hog",
    "hog(channels='strongest')",
)
SIZE_NAMES = ("width", "depth", "heads", "decoder_width", "decoder_depth", "decoder_heads")


def draw_mask(options: argparse.Namespace, grid: Grid) -> PatchMask:
    """A random mask of 75 % of which a share is predicted."""
    hidden = grid.num_patches - grid.num_patches // 4
    rng = sample_rng(0, 0, torch.arange(options.batch))
    scores = torch.zeros(options.batch, grid.num_patches)
    return split(scores, grid.num_patches // 4, round(options.predict * hidden), rng=rng)


def build_step(options: argparse.Namespace, images: torch.Tensor) -> Callable[[], None]:
    """One optimizer step on raw pixels under a fixed mask."""
    size = SIZES[options.model]
    config = ModelConfig(
        image_size=(options.side, options.side),
        patch_size=options.patch,
        decoder=options.decoder,
        target="raw",
        **{name: getattr(size, name) for name in SIZE_NAMES},
    )
    model = MaskedAutoencoder(config)
    mask = draw_mask(options, model.grid)
    optimizer = build_optimizer([model], weight_decay=0.05, beta2=0.95)
    objective = build_objective("mse")

    def step() -> None:
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=cpu_has_fast_bf16()):
            total = objective(model(images, mask), images).total
        total.backward()
        optimizer.step()
        optimizer.zero_grad()

    return step


def build_measure(
    options: argparse.Namespace, images: torch.Tensor, line: str
) -> Callable[[], None]:
    """The values of a target at the predicted patches."""
    grid = Grid.of_image(options.side, options.side, options.patch)
    patches = patchify(images, options.patch)
    ids = draw_mask(options, grid).predicted_ids
    target: Target = build_target(line, PatchShape(options.patch, images.shape[1]))
    if isinstance(target, FittedTarget):
        target.fit([patches])

    def measure() -> None:
        measure_target(target, patches, grid, ids)

    return measure


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--side", type=int, default=32)
    parser.add_argument("--patch", type=int, default=4)
    parser.add_argument("--batch", type=int, default=128)
    parser.add_argument("--model", default="vit_nano")
    parser.add_argument("--decoder", default="cross")
    parser.add_argument("--predict", type=float, default=0.34)
    options = parser.parse_args()
    keep_freed_memory()
    shape = (options.batch, 3, options.side, options.side)
    images = torch.randn(shape, generator=torch_generator(0))
    calls = {"step": build_step(options, images)}
    calls |= {line: build_measure(options, images, line) for line in TARGETS}

    seconds: dict[str, list[float]] = {name: [] for name in calls}
    for turn in range(options.rounds + 1):
        for name, call in calls.items():
            # Of the processor, not of the clock: other programs run on the machine.
            start = time.process_time()
            call()
            if turn:  # the first round warms up
                seconds[name].append(time.process_time() - start)

    print(versions(), f"{torch.get_num_threads()} threads, load {os.getloadavg()[0]:.1f}")
    whole = statistics.median(seconds["step"])
    print(
        f"step on raw pixels: median {1e3 * whole:.1f} ms, least {1e3 * min(seconds['step']):.1f}"
    )
    for line in TARGETS:
        median = statistics.median(seconds[line])
        share = median / whole
        print(f"{line:<28} median {1e3 * median:7.2f} ms, {share:6.1%} of the step")


if __name__ == "__main__":
    main()
