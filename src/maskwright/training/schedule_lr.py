"""The learning rate as a plain function of progress: a straight warm-up, then half a cosine.

There is nothing to save or restore.
"""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(frozen=True)
class LearningRate:
    """Rises from 0 to `peak`, then falls to `minimum` (He et al. 2022, appendix A).

    peak: the highest rate.
    minimum: the rate at the end.
    warmup: share of the training in which the rate rises.
    """

    peak: float
    minimum: float = 0.0
    warmup: float = 0.05

    def at(self, progress: float) -> float:
        """The rate at a progress in [0, 1]."""
        if progress < self.warmup:
            return self.peak * progress / self.warmup
        share = (progress - self.warmup) / max(1e-12, 1 - self.warmup)
        # Half a cosine, from 1 at the peak to 0 at the end.
        height = 0.5 * (1 + math.cos(math.pi * min(1.0, share)))
        return self.minimum + (self.peak - self.minimum) * height
