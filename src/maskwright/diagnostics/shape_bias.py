"""Shape bias from decisions on pictures whose outline and surface disagree (Geirhos et al. 2019):
counting, with intervals.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from maskwright.evaluation.metrics import Interval, bootstrap

POOLS = ("max", "mean")


@dataclass(frozen=True)
class ShapeBias:
    """How decisions fell among n pictures: bias = shape / (shape + texture); by_shape: the bias for
    each shape category and its count.

    Pictures decided for neither cue count in neither; an interval is NaN where nothing was decided.
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
    """Class scores (n, K) to category scores (n, C): the largest, or the mean, probability of the
    columns of each category.
    """
    chances = scores.softmax(1)
    parts = [chances[:, list(columns)] for columns in members]
    return torch.stack([part.amax(1) if pool == "max" else part.mean(1) for part in parts], dim=1)


def count_decisions(
    decided: Tensor, shapes: Tensor, textures: Tensor, names: Sequence[str], seed: int = 0
) -> ShapeBias:
    """Count decisions (n,) against the shape and texture categories (n,) of pictures whose cues
    differ.
    """
    is_shape, is_texture = (
        (decided == shapes).double().numpy(),
        (decided == textures).double().numpy(),
    )
    by_shape, count = {}, {}
    for at, name in enumerate(names):
        own = (shapes == at).numpy()
        if own.any():
            by_shape[name] = _bias(is_shape[own], is_texture[own], seed)
            count[name] = int((is_shape + is_texture)[own].sum())
    return ShapeBias(
        bias=_bias(is_shape, is_texture, seed), shape=_share(is_shape, seed), texture=_share(is_texture, seed),
        by_shape=by_shape, decided=count,
    )  # fmt: skip


def bias_difference(ours: str, theirs: str, seed: int = 0) -> Interval:
    """Bias less bias over the same pictures, drawn together; a mark each: s by shape, t by texture,
    - by neither.
    """
    pair = [np.array(list(marks)) for marks in (ours, theirs)]
    if not all((marks != "-").any() for marks in pair):
        return Interval(float("nan"), float("nan"), float("nan"))

    def statistic(counts: np.ndarray) -> np.ndarray:
        one, other = (_bias_of_counts(counts, marks == "s", marks == "t") for marks in pair)
        return one - other

    return bootstrap(statistic, len(pair[0]), seed)


def _bias(is_shape: np.ndarray, is_texture: np.ndarray, seed: int) -> Interval:
    if not (is_shape + is_texture).any():
        return Interval(float("nan"), float("nan"), float("nan"))

    return bootstrap(
        lambda counts: _bias_of_counts(counts, is_shape, is_texture), len(is_shape), seed
    )


def _bias_of_counts(counts: np.ndarray, is_shape: np.ndarray, is_texture: np.ndarray) -> np.ndarray:
    """The bias (R,) of each row of how often each picture was drawn, NaN where none that was drawn
    was decided.
    """
    shape, texture = counts @ is_shape, counts @ is_texture
    return np.divide(
        shape, shape + texture, out=np.full(len(counts), np.nan), where=shape + texture > 0
    )


def _share(values: np.ndarray, seed: int) -> Interval:
    return bootstrap(lambda counts: counts @ values / len(values), len(values), seed)
