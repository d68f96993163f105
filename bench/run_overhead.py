"""Compare a whole pretraining run with its bare training step: what the loader, logging and
callbacks cost.

python bench/run_overhead.py [--rounds 10] [--steps 30] [--model stl10_192x8 | vit_nano]; the two
take turns, in one process. Wanted: at least 90 % of the images/s.
"""

from __future__ import annotations

import argparse
import os
import statistics
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

import maskwright
from maskwright.losses.objective import build_objective
from maskwright.masking.uniform import RandomPolicy
from maskwright.models.autoencoder import MaskedAutoencoder
from maskwright.support.reporting import LogReporter
from maskwright.support.seeding import torch_generator
from maskwright.training.optimizer import build_optimizer
from maskwright.workflows.building.mask_samples import MaskDraw, mask_samples
from maskwright.workflows.building.model_shape import model_config
from peers_and_ours import CPU, Place

BATCH = 64
# (image side, patch side, pictures a step): 96 pixels, and 32 as CIFAR-10 has.
SIZES = {"stl10_192x8": (96, 12, BATCH), "vit_nano": (32, 4, 2 * BATCH)}


@dataclass(frozen=True)
class Speed:
    """How fast a run was.

    images_per_s: of the median row of numbers after the first epoch.
    data_wait: share of the time in which the step waited for pictures, over the same rows.
    worst_wait: of the row that waited most.
    """

    images_per_s: float
    data_wait: float
    worst_wait: float


class Silent(LogReporter):
    """Nobody listens."""

    def __init__(self) -> None:
        super().__init__(visible=False)


def run_speed(
    pictures: np.ndarray, folder: Path, steps: int, batch: int = BATCH, **settings: Any
) -> Speed:
    """The speed of a whole pretraining between its rows of numbers.

    What is done between epochs (measuring, writing checkpoints) is not part of it.
    """
    run = maskwright.pretrain(
        pictures,
        out=folder,
        overwrite=True,
        steps=steps,
        batch_size=batch,
        optimizer="adamw",
        checkup=False,
        reporter=Silent(),
        **settings,
    )
    rows = [row for row in run.metrics if "loss" in row]
    # Workers start in the first epoch, if there is another.
    later = [row for row in rows if row["epoch"] > 1] or rows[1:]
    waits = [row["data_wait"] for row in later]
    return Speed(
        statistics.median(row["images_per_s"] for row in later), statistics.mean(waits), max(waits)
    )


def bare_speed(folder: Path, steps: int, batch: int = BATCH, place: Place = CPU) -> float:
    """Images per second of the step alone: mask, forward, loss, backward, AdamW on one synthetic
    batch, under the settings of a run.
    """
    config = model_config(maskwright.open_run(folder).settings)
    model = MaskedAutoencoder(config, torch_generator(0, "weights")).to(place.device)
    optimizer, objective = (
        build_optimizer([model], weight_decay=0.05, beta2=0.95),
        build_objective("mse"),
    )
    images = torch.randn(batch, 3, *config.image_size, device=place.device)
    ids = torch.arange(batch, device=place.device)
    started = time.perf_counter()
    for step in range(steps + 2):
        if step == 2:
            place.wait()
            started = time.perf_counter()
        mask = mask_samples(RandomPolicy(), model.grid, ids, MaskDraw(0.75, step, "bench"))
        with place.forward_context():
            loss = objective(model(images, mask), images).total
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
    place.wait()
    return steps * batch / (time.perf_counter() - started)


def draw_noise(count: int, side: int) -> np.ndarray:
    """(count, side, side, 3) uint8 pictures of noise."""
    return np.random.default_rng(0).integers(0, 255, (count, side, side, 3), dtype=np.uint8)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--steps", type=int, default=30)
    parser.add_argument("--model", choices=SIZES, default="stl10_192x8")
    given = parser.parse_args()
    side, patch, batch = SIZES[given.model]
    # Larger than what is cut of them.
    pictures = draw_noise(batch * (given.steps + 2) * 20 // 19 + 20, side * 8 // 7)
    shares, waits = [], []
    with tempfile.TemporaryDirectory() as place:
        os.environ["MASKWRIGHT_CACHE"] = place
        folder = Path(place) / "run"
        for _ in range(given.rounds):
            whole = run_speed(
                pictures,
                folder,
                given.steps,
                batch,
                model=given.model,
                patch_size=patch,
                image_size=side,
                decoder="full",
                predict=1.0,
            )
            bare = bare_speed(folder, given.steps, batch)
            shares.append(whole.images_per_s / bare)
            waits.append(whole.data_wait)
            print(
                f"run {whole.images_per_s:,.0f} images/s, bare {bare:,.0f} images/s, share"
                f" {shares[-1]:.1%}, data wait {whole.data_wait:.1%}",
                flush=True,
            )
    low, middle, high = statistics.quantiles(shares, n=4) if len(shares) > 1 else shares * 3
    print(
        f"share of the bare step: {middle:.1%} [{low:.1%}, {high:.1%}], data wait"
        f" {statistics.median(waits):.1%}"
    )


if __name__ == "__main__":
    main()
