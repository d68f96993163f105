"""Part: the same pretraining in half precision, bfloat16 and float32: do they learn alike?"""

from __future__ import annotations

import os
import statistics
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

import maskwright
from part import Part, open_part
from run_overhead import Silent

PRECISIONS = ("32-true", "bf16-mixed", "16-mixed")
LAST_ROWS = 20


def draw_ramps(count: int, side: int) -> np.ndarray:
    """(count, side, side, 3) uint8 pictures of a disk on a ramp, so that there is something to
    learn.
    """
    rng = np.random.default_rng(0)
    rows, cols = np.mgrid[:side, :side] / side
    pictures = np.empty((count, side, side, 3), np.uint8)
    for picture in pictures:
        center, radius = rng.uniform(0.2, 0.8, 2), rng.uniform(0.15, 0.35)
        inside = (rows - center[0]) ** 2 + (cols - center[1]) ** 2 < radius**2
        ramp = rng.uniform(0, 200, 3) + 55 * (rows + cols)[..., None] / 2
        picture[:] = np.where(inside[..., None], rng.uniform(0, 255, 3), ramp)
    return pictures


def train(part: Part, pictures: np.ndarray, precision: str, folder: Path) -> dict[str, Any]:
    """One pretraining; its last losses, and what half precision had to leave out."""
    run = part.sizes.precisions
    trained = maskwright.pretrain(
        pictures,
        out=folder / precision,
        model=run.model,
        image_size=run.image,
        patch_size=run.patch,
        batch_size=run.batch,
        steps=run.steps,
        precision=precision,
        optimizer="adamw",
        device=part.sizes.place.device.type,
        track=["none"],
        sample_every=1000,
        checkup=False,
        reporter=Silent(),
    )
    rows = [row for row in trained.metrics if "loss" in row]
    status = trained.status
    return {
        "first_loss": round(rows[0]["loss"], 5),
        "last_losses": round(statistics.mean(row["loss"] for row in rows[-LAST_ROWS:]), 5),
        "last_gradient_norm": round(rows[-1]["grad_norm"], 4),
        "images_per_s": round(statistics.median(row["images_per_s"] for row in rows[1:]), 1),
        "overflowed_steps": status.get("overflowed_steps"),
        "skipped_steps": status.get("skipped_steps"),
    }


def main() -> None:
    part = open_part()
    run = part.sizes.precisions
    pictures = draw_ramps(run.batches * run.batch, run.stored)
    with tempfile.TemporaryDirectory() as place:
        os.environ["MASKWRIGHT_CACHE"] = f"{place}/cache"
        for precision in PRECISIONS:
            part.attempt(
                precision,
                lambda precision=precision: train(part, pictures, precision, Path(place)),
            )
    part.keep("complete", True)


if __name__ == "__main__":
    main()
