"""Part: some minutes of pretraining with what is chosen by itself, and probes of its features.

Pictures are rendered (silhouettes with textures) unless somebody brings labeled ones.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import maskwright
from part import Part, run_in_folder
from run_overhead import Silent

# Packing before, probes and baselines after the training.
SECONDS_BESIDE = 45.0
LEAST_MINUTES = 0.25


def measure(part: Part, folder: Path) -> dict[str, Any]:
    """Train for what is left of the time, then measure."""
    run = part.sizes.learning
    is_trial = part.sizes.minutes < LEAST_MINUTES
    minutes = min(part.sizes.minutes, (part.seconds_left - SECONDS_BESIDE) / 60)
    if not is_trial and minutes < LEAST_MINUTES:
        return {"failed": f"only {part.seconds_left:.0f} s were left"}
    data = part.data or part.sizes.pictures
    trained = maskwright.pretrain(
        data,
        out=folder / "run",
        model=run.model,
        image_size=run.image,
        patch_size=run.patch,
        batch_size=run.batch,
        minutes=part.sizes.minutes if is_trial else minutes,
        device=part.sizes.place.device.type,
        track=["none"],
        sample_every=1000,
        checkup=False,
        reporter=Silent(),
    )
    answers = maskwright.evaluate(
        trained.path, data=data, limit=2000, figures=False, reporter=Silent()
    )
    status = trained.status
    return {
        "data": data,
        "steps": status["step"],
        "images": status["images"],
        "seconds": round(status["seconds"], 1),
        "top1": {
            name: {probe: result["top1"]["value"] for probe, result in probes.items()}
            for name, probes in answers.items()
        },
    }


if __name__ == "__main__":
    run_in_folder("learning", measure)
