"""Anomalies by neighbors: how far each patch is from every patch of normal pictures.

After PatchCore (Roth et al. 2022): features averaged over neighboring patches, a bank of some of
them, and the distance to the nearest.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from maskwright.evaluation.standardize import Standardizer
from maskwright.patches.grid import Grid
from maskwright.support.errors import MaskwrightError
from maskwright.support.seeding import torch_generator

# Distances held in memory at once: 64 MiB of float32.
_DISTANCES_AT_ONCE = 2**24
# The coreset is chosen in this many random projections, and from so many times its size.
_PROJECTED = 64
CANDIDATES_PER_PLACE = 8
SUBSAMPLES = ("random", "coreset")


@dataclass(frozen=True, eq=False)
class MemoryBank:
    """Features of normal patches.

    standardizer: by their own statistics.
    features: (M, D), standardized.
    """

    standardizer: Standardizer
    features: Tensor

    def distances(self, tokens: Tensor) -> Tensor:
        """(B, N) distance of each of (B, N, D) patch features to the nearest in the bank.

        Divided by the root of D, so that banks of other widths are alike.
        """
        flat = self.standardizer.apply(tokens.flatten(0, 1))
        rows = max(1, _DISTANCES_AT_ONCE // len(self.features))
        nearest = [torch.cdist(part, self.features).amin(1) for part in flat.split(rows)]
        distances = torch.cat(nearest).view(tokens.shape[:2])
        width = self.features.shape[1]
        return distances / width**0.5


def aggregate(tokens: Tensor, grid: Grid) -> Tensor:
    """Average (B, N, D) patch features over their 3 x 3 neighborhoods inside the picture."""
    maps = tokens.transpose(1, 2).unflatten(2, (grid.rows, grid.cols))
    pooled = F.avg_pool2d(maps, 3, stride=1, padding=1, count_include_pad=False)
    return pooled.flatten(2).transpose(1, 2)


class Reservoir:
    """An even random sample of all rows that go by, in memory that is bounded."""

    def __init__(self, size: int, seed: int) -> None:
        """Keep at most `size` rows; the seed decides which."""
        self._size = size
        self._rng = torch_generator(seed, "memory bank")
        self._rows: Tensor | None = None
        self._luck: Tensor | None = None

    def add(self, rows: Tensor) -> None:
        """Let (n, D) rows go by."""
        luck = torch.rand(len(rows), generator=self._rng, dtype=torch.float64)
        if self._rows is not None and self._luck is not None:
            rows = torch.cat([self._rows, rows])
            luck = torch.cat([self._luck, luck])
        # Those with the largest of independent numbers are an even sample.
        count = min(self._size, len(luck))
        best = luck.topk(count).indices
        # In the order in which they came.
        best = best.sort().values
        self._rows = rows[best]
        self._luck = luck[best]

    @property
    def rows(self) -> Tensor:
        """The sample; raises MaskwrightError where nothing went by."""
        if self._rows is None:
            raise MaskwrightError("There are no normal pictures to compare with.")
        return self._rows


def build_bank(tokens: Iterable[Tensor], size: int, subsample: str, seed: int) -> MemoryBank:
    """Keep at most `size` of the patch features (B, N, D) of normal pictures.

    subsample: `random`, or `coreset`: those that leave no feature far from all (greedy k-center).
    """
    is_coreset = subsample == "coreset"
    per_place = CANDIDATES_PER_PLACE if is_coreset else 1
    reservoir = Reservoir(size * per_place, seed)
    for part in tokens:
        reservoir.add(part.flatten(0, 1))
    rows = reservoir.rows
    standardizer = Standardizer.fit(rows)
    features = standardizer.apply(rows)
    if is_coreset and len(features) > size:
        features = features[choose_coreset(features, size, seed)]
    return MemoryBank(standardizer, features)


def choose_coreset(features: Tensor, size: int, seed: int) -> Tensor:
    """Rows (size,) of (n, D) features chosen one by one, each the farthest from those before."""
    rng = torch_generator(seed, "coreset")
    width = features.shape[1]
    if width > _PROJECTED:
        # Distances survive a random projection (Johnson and Lindenstrauss 1984).
        projection = torch.randn(width, _PROJECTED, generator=rng)
        features = features @ projection / _PROJECTED**0.5
    chosen = [int(torch.randint(len(features), (1,), generator=rng))]
    distance = torch.full((len(features),), float("inf"))
    while len(chosen) < size:
        step = (features - features[chosen[-1]]).square().sum(1)
        distance = torch.minimum(distance, step)
        chosen.append(int(distance.argmax()))
    return torch.tensor(chosen)
