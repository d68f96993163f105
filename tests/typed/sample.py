"""A program that uses the public API, as strict mypy reads it (`make types`); it is never run."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

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


def train(pictures: Path) -> maskwright.Run:
    """Train, and say what came out."""
    policy: Policy = TopPolicy()
    maskwright.check_policy(policy)
    try:
        run = maskwright.pretrain(pictures, policy="block(size=2)", steps=10)
    except maskwright.MaskwrightError as error:
        raise SystemExit(str(error)) from error
    loss: float = run.metrics[-1]["loss"]
    grid: maskwright.Grid = maskwright.Grid.of_image(96, 96, 8)
    count: int = grid.num_patches
    features: Tensor = maskwright.load(run.path).features(pictures)
    rows = list(maskwright.list_runs(folder=str(run.path.parent)))
    names: list[str] = [row.run for row in rows]
    summary = f"{loss:.3f} {count} {tuple(features.shape)} {names}"
    (run.path / "summary.txt").write_text(summary, encoding="utf-8")
    return run
