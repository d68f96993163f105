"""Fitting a linear segmentation head on patches, with its penalty chosen on held-out pictures.

A patch counts as much for each class as the class fills of it, so a patch with two classes teaches
both: the mean cross-entropy over pixels when scores are constant within a patch.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch import Tensor

from maskwright.evaluation.logistic import fit_logistic
from maskwright.evaluation.standardize import Standardizer
from maskwright.support.checks import check_at_least, check_inside
from maskwright.support.errors import MaskwrightError

PENALTIES = (1e-5, 1e-4, 1e-3, 1e-2, 1e-1)
# Where nothing can be held out.
UNTUNED_PENALTY = 1e-3


@dataclass(frozen=True, kw_only=True)
class SegmentationFit:
    """How a segmentation head is fitted.

    held_out: share of the train pictures that the penalty is chosen on.
    balanced: whether every class weighs the same, however few pixels it has.
    iterations: of L-BFGS.
    patches: at most so many train patches are used, drawn by chance.
    """

    held_out: float = 0.2
    balanced: bool = False
    iterations: int = 40
    patches: int = 50_000

    def __post_init__(self) -> None:
        check_inside("held_out", self.held_out, 0.01, 0.9)
        check_at_least("iterations", self.iterations, 1)
        check_at_least("patches", self.patches, 100)


@dataclass(frozen=True)
class PatchSample:
    """Train patches.

    tokens: (T, D) float32.
    shares: (T, K) how much of each patch every class fills.
    is_held: (T,) whether the picture is held out to choose the penalty.
    """

    tokens: Tensor
    shares: Tensor
    is_held: Tensor

    def take(self, rows: Tensor) -> PatchSample:
        """The patches marked by (T,) booleans."""
        return PatchSample(self.tokens[rows], self.shares[rows], self.is_held[rows])


@dataclass(frozen=True)
class PenaltyTried:
    """One penalty on the held-out pictures.

    penalty: coefficient of half the squared weights.
    miou: mean IoU there, over patches.
    """

    penalty: float
    miou: float


@dataclass(frozen=True, eq=False)
class FittedHead:
    """A fitted head and how it was chosen.

    standardizer: by the statistics of all train patches.
    weight: (D, K).
    bias: (K,).
    penalty: the one chosen.
    tried: all penalties, on held-out pictures; empty where none could be held out.
    """

    standardizer: Standardizer
    weight: Tensor
    bias: Tensor
    penalty: float
    tried: tuple[PenaltyTried, ...]

    def to_dict(self) -> dict[str, Any]:
        """The choice, ready for JSON."""
        return {"penalty": self.penalty, "attempts": [asdict(item) for item in self.tried]}


def fit_segmentation(sample: PatchSample, settings: SegmentationFit) -> FittedHead:
    """Choose the penalty on the held-out pictures, then refit on all.

    Raises MaskwrightError where train has fewer than two classes.
    """
    present = _count_present(sample.shares)
    if present < 2:
        raise MaskwrightError(
            f"A segmentation probe needs at least two classes in the train maps; got {present}."
        )
    tried = _try_penalties(sample, settings)
    penalty = max(tried, key=lambda item: item.miou).penalty if tried else UNTUNED_PENALTY
    standardizer, weight, bias = _fit(sample, (penalty,), settings)
    return FittedHead(standardizer, weight[0], bias[0], penalty, tried)


def _try_penalties(sample: PatchSample, settings: SegmentationFit) -> tuple[PenaltyTried, ...]:
    held = sample.take(sample.is_held)
    kept = sample.take(~sample.is_held)
    if not len(held.tokens) or _count_present(kept.shares) < 2:
        return ()
    standardizer, weight, bias = _fit(kept, PENALTIES, settings)
    values = standardizer.apply(held.tokens)
    tried = []
    for at, penalty in enumerate(PENALTIES):
        scores = values @ weight[at] + bias[at]  # (T, K)
        miou = patch_miou(scores.argmax(1), held.shares)
        tried.append(PenaltyTried(penalty, miou))
    return tuple(tried)


def _count_present(shares: Tensor) -> int:
    """How many classes fill anything of (T, K) shares."""
    is_present = shares.sum(0) > 0
    return int(is_present.sum())


def _fit(
    sample: PatchSample, penalties: tuple[float, ...], settings: SegmentationFit
) -> tuple[Standardizer, Tensor, Tensor]:
    """The standardizer, weights (L, D, K) and biases (L, K) of each penalty."""
    standardizer = Standardizer.fit(sample.tokens)
    shares = balance(sample.shares) if settings.balanced else sample.shares
    models = fit_logistic(
        standardizer.apply(sample.tokens),
        # The mean weight is 1, so that a penalty means the same however much is ignored.
        shares / shares.sum(1).mean(),
        shares.shape[1],
        penalties,
        settings.iterations,
    )
    return standardizer, models.weight, models.bias


def balance(shares: Tensor) -> Tensor:
    """Weigh (T, K) shares so that every class that is there has the same sum."""
    total = shares.sum(0)
    return torch.where(total > 0, shares / total.clamp_min(1e-12), 0.0)


def patch_miou(best: Tensor, shares: Tensor) -> float:
    """Mean IoU of classes (T,) against shares (T, K), over the classes that are there."""
    chosen = torch.zeros_like(shares).scatter_(1, best[:, None], 1.0)
    # A chosen class takes all of a patch that is not ignored.
    taken = chosen * shares.sum(1, keepdim=True)
    both = (chosen * shares).sum(0).double()
    union = (taken + shares).sum(0).double() - both
    is_there = shares.sum(0) > 0
    iou = both[is_there] / union[is_there]
    return float(iou.mean())
