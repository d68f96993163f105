"""The most similar pictures by their features: cosine after every feature is standardized."""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from maskwright.evaluation.standardize import Standardizer

# Similarities held in memory at once: 64 MiB of float32.
_AT_ONCE = 2**24


@dataclass(frozen=True, eq=False)
class Neighbors:
    """The nearest of a collection for each of q queries, the most similar first.

    rows: (q, k) places in the collection.
    similarity: (q, k) cosines, 1 for the same direction.
    """

    rows: Tensor
    similarity: Tensor


def to_directions(features: Tensor, standardizer: Standardizer) -> Tensor:
    """(n, D) features as vectors of length 1, without what all pictures have in common."""
    return F.normalize(standardizer.apply(features), dim=1)


def find_neighbors(
    queries: Tensor, collection: Tensor, count: int, own: Tensor | None = None
) -> Neighbors:
    """Find the `count` nearest of (n, D) directions for each of (q, D).

    own: (q,) the place of each query in the collection, which is left out; -1 for none.
    """
    rows = []
    values = []
    others = len(collection) if own is None else len(collection) - 1
    count = min(count, others)
    at_once = max(1, _AT_ONCE // len(collection))
    for start in range(0, len(queries), at_once):
        some = slice(start, start + at_once)
        similarity = queries[some] @ collection.T
        # A picture is no neighbor of itself.
        if own is not None:
            here = own[some]
            (known,) = (here >= 0).nonzero(as_tuple=True)
            similarity[known, here[known]] = -torch.inf
        best = similarity.topk(count, dim=1)
        rows.append(best.indices)
        values.append(best.values)
    return Neighbors(torch.cat(rows), torch.cat(values))


@dataclass(frozen=True, eq=False)
class SimilarPairs:
    """Pairs that are more similar than a threshold, the most similar first.

    first: (p,) places among the queries.
    second: (p,) places in the collection.
    similarity: (p,).
    """

    first: Tensor
    second: Tensor
    similarity: Tensor

    def __len__(self) -> int:
        return len(self.first)


def find_pairs(queries: Tensor, collection: Tensor, least: float, *, same: bool) -> SimilarPairs:
    """All pairs with a cosine of at least `least`.

    same: both are one collection, so that each pair comes once and none with itself.
    """
    firsts, seconds, values = [], [], []
    at_once = max(1, _AT_ONCE // len(collection))
    for start in range(0, len(queries), at_once):
        similarity = queries[start : start + at_once] @ collection.T
        row, second = (similarity >= least).nonzero(as_tuple=True)
        first = row + start
        if same:
            is_later = second > first
            row, first, second = row[is_later], first[is_later], second[is_later]
        firsts.append(first)
        seconds.append(second)
        values.append(similarity[row, second].double())
    value = torch.cat(values)
    order = value.argsort(descending=True, stable=True)
    return SimilarPairs(
        first=torch.cat(firsts)[order],
        second=torch.cat(seconds)[order],
        similarity=value[order].float(),
    )
