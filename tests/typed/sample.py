"""A program that uses the public API, as strict mypy reads it (`make types`); it is never run.

Strict mypy also reports an `ignore` that nothing needs, so it has to find the mistakes at the end.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np
import torch
from torch import Tensor

import maskwright
from maskwright.masking.policy import Policy, Scene, Traits


@dataclass(frozen=True, kw_only=True)
class TopPolicy:
    """Mask the upper patches first."""

    traits: ClassVar[Traits] = Traits(uniform=False)

    def score(self, scene: Scene) -> Tensor:
        """Return minus the row of each patch."""
        rows = torch.arange(scene.grid.rows).repeat_interleave(scene.grid.cols)
        return -rows.float().expand(scene.batch_size, -1)


def look(pictures: Path) -> list[str]:
    """Hold a policy to the contract, and measure its masks."""
    policy: Policy = TopPolicy()
    maskwright.check_policy(policy)
    report = maskwright.masks(pictures, policy=[policy, "random"], draws=500)
    grid: maskwright.Grid = maskwright.Grid.of_image(96, 96, 8)
    return [*report.geometry, str(report.path), str(grid.num_patches)]


def train(pictures: Path) -> maskwright.Run:
    """Train, and say what came out."""
    try:
        run = maskwright.pretrain(pictures, policy="block(size=2)", steps=10, ratio="0.5->0.75")
    except maskwright.MaskwrightError as error:
        raise SystemExit(str(error)) from error
    loss: float = run.metrics[-1]["loss"]
    verdict: str = maskwright.doctor(run).verdict
    features: Tensor = maskwright.load(run.path).features(pictures)
    rows = list(maskwright.list_runs(folder=str(run.path.parent)))
    names: list[str] = [row.run for row in rows]
    summary = f"{loss:.3f} {verdict} {tuple(features.shape)} {names}"
    (run.path / "summary.txt").write_text(summary, encoding="utf-8")
    return run


def measure(run: maskwright.Run, labeled: Path) -> dict[str, float]:
    """Measure features and fills, and compare policies."""
    filled = maskwright.reconstruct(run.path, np.zeros((2, 32, 32, 3), np.uint8))
    measured = maskwright.evaluate(run, labeled, probe="knn")
    record = maskwright.compare(labeled, "random, block(size=2)", seeds=3, budget="steps=100")
    trials: int = len(record.finished())
    return {"psnr": float(filled.result.psnr.mean()), "runs": len(measured), "trials": trials}


def make_mistakes(run: maskwright.Run) -> None:
    """What a type checker finds before anything runs."""
    maskwright.pretrain("photos", epocs=5)  # type: ignore[call-arg]
    maskwright.pretrain("photos", steps="many")  # type: ignore[arg-type]
    maskwright.masks("photos", pages="second")  # type: ignore[arg-type]
    maskwright.reconstruct(run)  # type: ignore[call-arg]
    maskwright.pretend("photos")  # type: ignore[attr-defined]
