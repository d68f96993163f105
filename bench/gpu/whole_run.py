"""Part: a whole `maskwright pretrain` from a packed store beside its bare step, which comes before
and after it.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from part import Part, run_in_folder
from run_overhead import bare_speed, draw_noise, run_speed


def settings_of(part: Part) -> dict[str, Any]:
    """What the run is given."""
    run, place = part.sizes.run, part.sizes.place
    return {
        "model": run.model,
        "image_size": run.image,
        "patch_size": run.patch,
        "decoder": "full",
        "predict": 1.0,
        "device": place.device.type,
        "precision": "32-true" if place.dtype is None else "bf16-mixed",
        "track": ["none"],
        "val": "64" if run.batches * run.batch > 1000 else None,
        "sample_every": 1000,
    }


def measure(part: Part, folder: Path) -> dict[str, Any]:
    """The run and its bare step, and the seconds that packing took."""
    run, place = part.sizes.run, part.sizes.place
    pictures = draw_noise(run.batches * run.batch + 64, run.stored)
    settings = settings_of(part)
    started = time.perf_counter()
    # The first run is short: it packs the store and gives the shape of the bare step.
    run_speed(pictures, folder / "first", 2, run.batch, **settings)
    first = time.perf_counter() - started
    steps = max(4, run.steps // 4)
    before = bare_speed(folder / "first", steps, run.batch, place)
    whole = run_speed(pictures, folder / "whole", run.steps, run.batch, **settings)
    after = bare_speed(folder / "first", steps, run.batch, place)
    bare = (before + after) / 2
    return {
        "images_per_s": round(whole.images_per_s, 1),
        "bare_images_per_s": [round(before, 1), round(after, 1)],
        "share_of_bare_step": round(whole.images_per_s / bare, 4),
        "data_wait": round(whole.data_wait, 4),
        "worst_data_wait": round(whole.worst_wait, 4),
        "seconds_of_packing_and_two_steps": round(first, 1),
    }


if __name__ == "__main__":
    run_in_folder("pretrain", measure)
