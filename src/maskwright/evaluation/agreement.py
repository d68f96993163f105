"""Whether features know a picture again: two crops of each picture, looked for among the others."""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from maskwright.evaluation.metrics import Interval, bootstrap_interval
from maskwright.support.errors import MaskwrightError

# A feature with less deviation than this is the same for all pictures and says nothing.
_LEAST_DEVIATION = 1e-6


@dataclass(frozen=True)
class Agreement:
    """How often the other crop of a picture is the nearest among those of n pictures.

    found: (n,) share of the two directions in which it is, 0, 0.5 or 1.
    """

    found: Tensor

    @property
    def chance(self) -> float:
        """What guessing finds: one of n."""
        return 1 / len(self.found)

    def interval(self, seed: int = 0) -> Interval:
        """The mean over pictures with its bootstrap interval."""
        return bootstrap_interval(self.found, seed)

    def above(self, other: Agreement, seed: int = 0) -> Interval:
        """How far this lies above another of the same crops, paired picture by picture."""
        return bootstrap_interval(self.found - other.found, seed)


def measure_agreement(first: Tensor, second: Tensor) -> Agreement:
    """Look for each picture's other crop, both ways, by cosine of standardized features.

    first, second: (n, D) features of two crops of n pictures, in the same order.

    This is instance discrimination (Wu et al. 2018) as a question: no label is needed. Raises
    MaskwrightError for fewer than two pictures.
    """
    if len(first) != len(second) or len(first) < 2:
        raise MaskwrightError(
            "Agreement needs two crops of at least two pictures; got features of"
            f" {len(first)} and {len(second)}."
        )
    first, second = _standardize_together(first, second)
    # (n, n) cosines: row i is the first crop of picture i, column j the second of picture j
    rows = F.normalize(first, dim=1)
    columns = F.normalize(second, dim=1)
    cosines = rows @ columns.T
    own = torch.arange(len(first))
    forth = cosines.argmax(1) == own
    back = cosines.argmax(0) == own
    found = forth.double() + back.double()
    return Agreement(found / 2)


def nearest_pictures(features: Tensor, count: int) -> Tensor:
    """The (n, count) nearest other pictures of each of n, nearest first, from (n, D) features."""
    standard, _ = _standardize_together(features, features)
    units = F.normalize(standard, dim=1)
    cosines = units @ units.T
    # A picture is no neighbor of itself.
    cosines.fill_diagonal_(-torch.inf)
    return cosines.topk(min(count, len(features) - 1), dim=1).indices


def _standardize_together(first: Tensor, second: Tensor) -> tuple[Tensor, Tensor]:
    """Mean 0 and deviation 1 of each feature over both: the part that all pictures share says
    nothing about which is which.
    """
    first, second = first.double(), second.double()
    both = torch.cat([first, second])
    mean = both.mean(0)
    deviation = both.std(0, correction=0)
    varies = deviation > _LEAST_DEVIATION
    # Divided by infinity, a feature that never varies becomes 0.
    scale = torch.where(varies, deviation, torch.inf)
    return (first - mean) / scale, (second - mean) / scale
