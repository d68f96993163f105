"""Piles of rendered shapes as a source of pictures: something to learn from without a photograph.

Formula-driven pictures can stand in for photographs in pretraining (Kataoka et al. 2020), and dead
leaves with the statistics of photographs are among the best of them (Baradad et al. 2021).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import torch

from maskwright.data.rendered.leaf_rendering import render_scene
from maskwright.data.rendered.leaves import draw_scene
from maskwright.data.rendered.rendered_source import PictureCounts, RenderedSource, open_rendered
from maskwright.support.checks import check_at_least


@dataclass(frozen=True, kw_only=True)
class DeadLeaves(PictureCounts):
    """What is rendered.

    leaves: that lie by themselves in each picture.
    figures: the most mirrored groups of leaves in a picture.
    seed: of everything that is drawn by chance.
    """

    leaves: int = 30
    figures: int = 3
    seed: int = 0

    def __post_init__(self) -> None:
        super().__post_init__()
        check_at_least("leaves", self.leaves, 1)
        check_at_least("figures", self.figures, 0)


@dataclass(frozen=True, kw_only=True, eq=False)
class DeadLeavesSource(RenderedSource):
    """The piles of one split; there are no classes."""

    settings: DeadLeaves

    prefix: ClassVar[str] = "dead-leaves"
    kind: ClassVar[type] = DeadLeaves

    def draw(self, index: int) -> np.ndarray:
        """Draw a pile and render it."""
        settings = self.settings
        rng = self.rng(torch.tensor([index]))
        scene = draw_scene(rng, settings.leaves, settings.figures)
        return render_scene(scene, settings.size)


def open_dead_leaves(text: str, split: str | None = None) -> DeadLeavesSource:
    """Open `dead-leaves` or `dead-leaves:n=2000,size=64`; train when no split is named."""
    return open_rendered(DeadLeavesSource, text, split)
