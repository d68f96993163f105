"""Terms that compare predicted pixels with the target, by a mean over values and patches.

Every term takes the same four options beside its own.

visible: weight of the same mean over visible patches, added to that over predicted ones (0 costs
    nothing: they are not predicted then).
weight: name of a per-picture map, such as "foreground", whose values in [0, 1] say how much each
    patch counts.
floor: how much a patch counts where that map is 0.
by_distance: visible patches count by 1 / sqrt(distance to the nearest masked one, in patches), so
    that those beside what is hidden count most (V-JEPA 2.1, Mur-Labadia et al. 2026).

Patch i counts floor + (1 - floor) * map_i, and each image's weights are made to average 1 over its
predicted patches, so that a map moves attention between patches and never the size of the loss.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch.nn.functional as F
from torch import Tensor

from maskwright.losses.term import Needs
from maskwright.patches.distances import distance_to_masked
from maskwright.patches.mask import take
from maskwright.patches.pixels import widen
from maskwright.patches.prediction import Prediction
from maskwright.support.checks import check_flag, check_number
from maskwright.support.errors import MaskwrightError

Compare = Callable[[Tensor, Tensor], Tensor]


@dataclass(frozen=True, kw_only=True)
class SquaredError:
    """Mean squared error at the predicted patches (He et al. 2022).

    A zero prediction of normalized patches costs (P - 1) / P.

    Formula: mean((prediction - target)^2)
    Source: He et al. 2022 (MAE).
    """

    visible: float = 0.0
    weight: str | None = None
    floor: float = 0.1
    by_distance: bool = False

    def __post_init__(self) -> None:
        _check("mse", self.visible, self.weight, self.floor)
        _check_distance("mse", self.visible, self.weight, self.by_distance)

    @property
    def needs(self) -> Needs:
        return _needs(self.visible, self.weight)

    def __call__(self, prediction: Prediction, images: Tensor) -> Tensor:
        return _mean_cost(
            prediction, _squared, self.visible, self.weight, self.floor, self.by_distance
        )


@dataclass(frozen=True, kw_only=True)
class AbsoluteError:
    """Mean absolute error at the predicted patches.

    Its slope is equally large wherever there is an error, so a few large errors decide less than
    under `mse`.

    Formula: mean(|prediction - target|)
    Source: Xie et al. 2022 (SimMIM).
    """

    visible: float = 0.0
    weight: str | None = None
    floor: float = 0.1
    by_distance: bool = False

    def __post_init__(self) -> None:
        _check("l1", self.visible, self.weight, self.floor)
        _check_distance("l1", self.visible, self.weight, self.by_distance)

    @property
    def needs(self) -> Needs:
        return _needs(self.visible, self.weight)

    def __call__(self, prediction: Prediction, images: Tensor) -> Tensor:
        return _mean_cost(
            prediction, _absolute, self.visible, self.weight, self.floor, self.by_distance
        )


@dataclass(frozen=True, kw_only=True)
class SmoothAbsoluteError:
    """Squared error / (2 beta) below `beta`, absolute error minus beta / 2 above it.

    SimMIM and data2vec use such a loss.

    Formula: e^2 / (2 beta) where |e| < beta, else |e| - beta / 2
    Source: Girshick 2015 (Fast R-CNN); Baevski et al. 2022 (data2vec).

    beta: the error from which on the term grows straight, in the numbers of the target.
    """

    beta: float = 1.0
    visible: float = 0.0
    weight: str | None = None
    floor: float = 0.1
    by_distance: bool = False

    def __post_init__(self) -> None:
        check_number("beta (l1 is its limit at 0)", self.beta, 1e-6, owner="Loss 'smooth_l1'")
        _check("smooth_l1", self.visible, self.weight, self.floor)
        _check_distance("smooth_l1", self.visible, self.weight, self.by_distance)

    @property
    def needs(self) -> Needs:
        return _needs(self.visible, self.weight)

    def __call__(self, prediction: Prediction, images: Tensor) -> Tensor:
        return _mean_cost(
            prediction, self._compare, self.visible, self.weight, self.floor, self.by_distance
        )

    def _compare(self, values: Tensor, targets: Tensor) -> Tensor:
        return F.smooth_l1_loss(values, targets, reduction="none", beta=self.beta)


def _squared(values: Tensor, targets: Tensor) -> Tensor:
    return F.mse_loss(values, targets, reduction="none")


def _absolute(values: Tensor, targets: Tensor) -> Tensor:
    return F.l1_loss(values, targets, reduction="none")


def _mean_cost(
    prediction: Prediction,
    compare: Compare,
    visible: float,
    weight: str | None,
    floor: float,
    by_distance: bool,
) -> Tensor:
    """The mean over predicted patches, and over visible ones where they have a weight."""
    hidden = compare(widen(prediction.values), prediction.targets())  # (B, K, P)
    mean = _mean(prediction, hidden, prediction.mask.predicted_ids, weight, floor)
    if not visible:
        return mean
    seen = compare(widen(prediction.seen_values()), prediction.seen_targets())  # (B, V, P)
    if by_distance:
        distance_BV = distance_to_masked(prediction.mask, prediction.grid)
        # the sum is over all visible patches, so that far ones cannot gain what near ones lose
        return mean + visible * (seen.mean(2) / distance_BV.sqrt()).mean()
    return mean + visible * _mean(prediction, seen, prediction.mask.visible_ids, weight, floor)


def _mean(
    prediction: Prediction,
    cost_BKP: Tensor,
    ids_BK: Tensor,
    weight: str | None,
    floor: float,
) -> Tensor:
    """Mean over values, patches and images; with a map, patches count by it."""
    if weight is None:
        return cost_BKP.mean()
    # the map at the ids, from floor to 1
    map_BK = take(prediction.prior(weight)[:, :, None], ids_BK)[:, :, 0]
    counts_BK = floor + (1 - floor) * map_BK.to(cost_BKP.dtype)
    # a weighted mean within each image, then a plain one over images
    weighted_BK = cost_BKP.mean(2) * counts_BK
    return (weighted_BK.sum(1) / counts_BK.sum(1)).mean()


def _check(
    owner: str,
    visible: float,
    weight: str | None,
    floor: float,
) -> None:
    check_number("visible", visible, 0, owner=f"Loss '{owner}'")
    check_number("floor", floor, 1e-6, 1, owner=f"Loss '{owner}'")
    # a bare number here was meant as a weight of the term, written 0.5*mse
    if weight is not None and not isinstance(weight, str):
        raise MaskwrightError(
            f"Loss '{owner}' needs weight to be the name of a map, as in"
            f" {owner}(weight='foreground'); got {weight}."
        )


def _check_distance(owner: str, visible: float, weight: str | None, by_distance: bool) -> None:
    """Refuse weighting by distance where no visible patch counts, or a map says how much."""
    check_flag("by_distance", by_distance, owner=f"Loss '{owner}'")
    if by_distance and not visible:
        raise MaskwrightError(
            f"Loss '{owner}' weighs visible patches by distance and gives them no weight; write"
            f" {owner}(visible=0.5, by_distance=True)."
        )
    if by_distance and weight is not None:
        raise MaskwrightError(
            f"Loss '{owner}' weighs visible patches by distance or by the map '{weight}', not by"
            " both."
        )


def _needs(visible: float, weight: str | None) -> Needs:
    return Needs(visible=visible > 0, priors=frozenset() if weight is None else frozenset({weight}))
