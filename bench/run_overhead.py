"""Compare a whole pretraining run with its bare training step: what the loader, logging and
callbacks cost.

python bench/run_overhead.py [--rounds 10] [--steps 30]; the two take turns, in one process. Wanted:
at least 90 % of the images/s.
"""

from __future__ import annotations

import argparse
import os
import statistics
import tempfile
import time
from pathlib import Path

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

BATCH = 64


class Silent(LogReporter):
    """Nobody listens."""

    def __init__(self) -> None:
        super().__init__(visible=False)


def run_speed(pictures: np.ndarray, folder: Path, steps: int) -> tuple[float, float]:
    """Images per second of a run between its first and last row of numbers, and the share spent
    waiting for pictures.
    """
    run = maskwright.pretrain(
        pictures,
        out=folder,
        overwrite=True,
        steps=steps,
        batch_size=BATCH,
        model="stl10_192x8",
        patch_size=12,
        image_size=96,
        reporter=Silent(),
    )
    rows = [row for row in run.metrics if "loss" in row]
    first, last = rows[0], rows[-1]
    return (last["images"] - first["images"]) / (
        last["seconds"] - first["seconds"]
    ), statistics.median(row["data_wait"] for row in rows[1:])


def bare_speed(folder: Path, steps: int) -> float:
    """Images per second of the step alone: mask, forward, loss, backward, AdamW on one synthetic
    batch.
    """
    model = MaskedAutoencoder(
        model_config(maskwright.open_run(folder).settings), torch_generator(0, "weights")
    )
    optimizer, objective = (
        build_optimizer([model], weight_decay=0.05, beta2=0.95),
        build_objective("mse"),
    )
    images, ids = torch.randn(BATCH, 3, 96, 96), torch.arange(BATCH)
    started = time.perf_counter()
    for step in range(steps + 2):
        if step == 2:
            started = time.perf_counter()
        mask = mask_samples(RandomPolicy(), model.grid, ids, MaskDraw(0.75, step, "bench"))
        with torch.autocast("cpu", torch.bfloat16):
            loss = objective(model(images, mask), images).total
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
    return steps * BATCH / (time.perf_counter() - started)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--steps", type=int, default=30)
    given = parser.parse_args()
    pictures = np.random.default_rng(0).integers(
        0, 255, (BATCH * (given.steps + 2) * 20 // 19 + 20, 110, 110, 3), dtype=np.uint8
    )
    shares, waits = [], []
    with tempfile.TemporaryDirectory() as place:
        os.environ["MASKWRIGHT_CACHE"] = place
        for _ in range(given.rounds):
            whole, wait = run_speed(pictures, Path(place) / "run", given.steps)
            bare = bare_speed(Path(place) / "run", given.steps)
            shares.append(whole / bare)
            waits.append(wait)
            print(
                f"run {whole:,.0f} images/s, bare {bare:,.0f} images/s, share {whole / bare:.1%},"
                f" data wait {wait:.1%}",
                flush=True,
            )
    low, middle, high = statistics.quantiles(shares, n=4) if len(shares) > 1 else shares * 3
    print(
        f"share of the bare step: {middle:.1%} [{low:.1%}, {high:.1%}], data wait"
        f" {statistics.median(waits):.1%}"
    )


if __name__ == "__main__":
    main()
