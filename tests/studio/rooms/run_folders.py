"""Runs written by hand, as the rooms of runs and votes read them."""

from __future__ import annotations

from pathlib import Path

from PIL import Image

from maskwright.support.files import write_text
from maskwright.workflows.runs.run_folder import RunFolder


def write_run(place: Path, ratio: float = 0.75, steps: int = 3, **status: object) -> RunFolder:
    """A run that says of itself that it trains, in this process."""
    run = RunFolder(place)
    for step in range(1, steps + 1):
        run.append_metrics({"step": step, "epoch": 1, "loss": 1 / step, "seconds": 0.5 * step})
    run.append_metrics({"step": steps, "epoch": 1, "val_loss": 0.4, "knn_top1": 0.25})
    run.update_status(
        **{
            "state": "running",
            "started": "2026-01-01T00:00:00+00:00",
            "total_steps": 100,
            "baselines": {"patch_mean": 0.9, "bilinear": 0.8},
            **status,
        }
    )
    write_text(run.config, f"data:\n  data: photos\nmask:\n  policy: random\n  ratio: {ratio}\n")
    run.samples.mkdir()
    for epoch in (1, 3):
        Image.new("RGB", (8, 8), (epoch, 0, 0)).save(run.samples / f"epoch_{epoch:04d}.png")
    return run
