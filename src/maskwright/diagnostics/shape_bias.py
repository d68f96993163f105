"""Shape bias from decisions on pictures whose outline and surface disagree (Geirhos 2019)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from maskwright.evaluation.division import divide_or_nan
from maskwright.evaluation.metrics import NO_INTERVAL, Interval, bootstrap

POOLS = ("max", "mean")
# Where nothing was decided there is no bias, and no zero either.


@dataclass(frozen=True)
class ShapeBias:
    """How decisions fell among n pictures; those decided for neither cue count in neither.

    bias: shape / (shape + texture); NaN where nothing was decided.
    shape: share of all pictures decided by shape.
    texture: share of all pictures decided by texture.
    by_shape: the bias for each shape category.
    decided: how many pictures of each shape category were decided for a cue.
    """

    bias: Interval
    shape: Interval
    texture: Interval
    by_shape: Mapping[str, Interval]
    decided: Mapping[str, int]

    @property
    def num_decided(self) -> int:
        return sum(self.decided.values())


def pool_categories(scores: Tensor, members: Sequence[Sequence[int]], pool: str) -> Tensor:
    """Class scores (n, K) to category scores (n, C).

    members: the columns of each category.
    pool: `max` takes the largest probability of them, `mean` the mean.
    """
    # Probabilities, not scores: a category of many classes must not win by their number.
    chances = scores.softmax(1)
    pooled = []
    for columns in members:
        part = chances[:, list(columns)]
        pooled.append(part.amax(1) if pool == "max" else part.mean(1))
    return torch.stack(pooled, dim=1)


def count_decisions(
    decided: Tensor, shapes: Tensor, textures: Tensor, names: Sequence[str], seed: int = 0
) -> ShapeBias:
    """Count decisions (n,) against the categories (n,) of pictures whose cues differ.

    names: of the categories; those that no picture shows are left out.
    """
    is_shape = (decided == shapes).double().numpy()
    is_texture = (decided == textures).double().numpy()
    by_shape, counts = {}, {}
    for category, name in enumerate(names):
        rows = (shapes == category).numpy()
        if rows.any():
            by_shape[name] = _bias(is_shape[rows], is_texture[rows], seed)
            # Cues differ, so a picture cannot be decided for both.
            is_decided = is_shape[rows] + is_texture[rows]
            counts[name] = int(is_decided.sum())
    return ShapeBias(
        bias=_bias(is_shape, is_texture, seed),
        shape=_share(is_shape, seed),
        texture=_share(is_texture, seed),
        by_shape=by_shape,
        decided=counts,
    )


def bias_difference(ours: str, theirs: str, seed: int = 0) -> Interval:
    """Bias less bias over the same pictures, drawn together.

    ours, theirs: a mark for each picture, s by shape, t by texture, - by neither.
    """
    mine = np.array(list(ours))
    other = np.array(list(theirs))
    if (mine == "-").all() or (other == "-").all():
        return NO_INTERVAL

    def statistic(counts: np.ndarray) -> np.ndarray:
        # (R, n) counts -> (R,) differences: each draw takes the same pictures for both.
        bias = _bias_of_counts(counts, mine == "s", mine == "t")
        return bias - _bias_of_counts(counts, other == "s", other == "t")

    return bootstrap(statistic, len(mine), seed)


def _bias(is_shape: np.ndarray, is_texture: np.ndarray, seed: int) -> Interval:
    if not (is_shape + is_texture).any():
        return NO_INTERVAL

    def bias(counts: np.ndarray) -> np.ndarray:
        return _bias_of_counts(counts, is_shape, is_texture)

    return bootstrap(bias, len(is_shape), seed)


def _bias_of_counts(counts: np.ndarray, is_shape: np.ndarray, is_texture: np.ndarray) -> np.ndarray:
    """The bias (R,) of (R, n) counts of draws; NaN where nothing that was drawn was decided."""
    # (R, n) @ (n,) -> (R,): how often each side was decided in each draw
    shape = counts @ is_shape
    decided = shape + counts @ is_texture
    return divide_or_nan(shape, decided)


def _share(values: np.ndarray, seed: int) -> Interval:
    def share(counts: np.ndarray) -> np.ndarray:
        # Of all pictures, decided or not.
        return counts @ values / len(values)

    return bootstrap(share, len(values), seed)
