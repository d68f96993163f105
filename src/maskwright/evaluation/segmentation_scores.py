"""How well classes of pixels are found: IoU of each class, their mean, and pixel accuracy."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from maskwright.evaluation.answers import format_rows, read_rows
from maskwright.evaluation.division import divide_or_nan
from maskwright.evaluation.metrics import Interval, bootstrap

# Counts of more pictures and classes than this are not kept for paired differences.
MOST_COUNTS = 400_000


@dataclass(frozen=True, eq=False)
class PixelCounts:
    """Pixels of n pictures and K classes; what is ignored is not counted.

    both: (n, K) pixels of a class that were given it.
    truth: (n, K) pixels of a class.
    given: (n, K) pixels that were given a class.
    """

    both: np.ndarray
    truth: np.ndarray
    given: np.ndarray

    def miou(self, counts: np.ndarray) -> np.ndarray:
        """Mean IoU (R,) for (R, n) counts of how often each picture was drawn.

        Over the classes that the drawn pictures have: the IoU of a class that is never there is
        undefined, and not 0.
        """
        return _mean_of_defined(self.iou(counts))

    def iou(self, counts: np.ndarray) -> np.ndarray:
        """IoU (R, K) of each class; NaN where the class is nowhere in the truth."""
        both = counts @ self.both
        truth = counts @ self.truth
        union = truth + counts @ self.given - both
        undefined = np.full(both.shape, np.nan)
        return np.divide(both, union, out=undefined, where=truth > 0)

    def accuracy(self, counts: np.ndarray) -> np.ndarray:
        """Share (R,) of the pixels that were given their class."""
        both = counts @ self.both.sum(1)
        truth = counts @ self.truth.sum(1)
        return divide_or_nan(both, truth)

    def to_dict(self) -> dict[str, Any] | None:
        """The counts as text, for paired differences; None where they would be too many."""
        if self.both.size * 3 > MOST_COUNTS:
            return None
        columns = {"both": self.both, "truth": self.truth, "given": self.given}
        return {name: format_rows(_whole(rows)) for name, rows in columns.items()}


@dataclass(frozen=True, eq=False)
class SegmentationScores:
    """Numbers with 95% bootstrap intervals over pictures.

    miou: mean over the classes that are there.
    accuracy: share of pixels.
    iou: of each class; None for a class that is never there.
    majority: what giving every pixel the commonest train class would reach.
    counts: what they were computed from.
    """

    miou: Interval
    accuracy: Interval
    iou: tuple[Interval | None, ...]
    majority: dict[str, float]
    counts: PixelCounts

    def to_dict(self, classes: Sequence[str]) -> dict[str, Any]:
        """Everything, ready for JSON."""
        pixels = self.counts.truth.sum(0).tolist()
        per_class = []
        for name, interval, count in zip(classes, self.iou, pixels, strict=True):
            iou = None if interval is None else interval.to_dict()
            per_class.append({"class": name, "pixels": int(count), "iou": iou})
        return {
            "miou": self.miou.to_dict(),
            "accuracy": self.accuracy.to_dict(),
            "majority": self.majority,
            "per_class": per_class,
            "num_test": len(self.counts.both),
            "interval": "95% bootstrap over test pictures",
            "pixels": self.counts.to_dict(),
        }


def score_segmentation(counts: PixelCounts, commonest: int, seed: int) -> SegmentationScores:
    """Give every number with its interval.

    commonest: the class that fills most of train.
    """
    num_pictures, num_classes = counts.both.shape
    # All intervals are over the same draws of pictures, so that they can be paired.
    iou = [_iou_of_class(counts, at, seed) for at in range(num_classes)]
    return SegmentationScores(
        miou=bootstrap(counts.miou, num_pictures, seed),
        accuracy=bootstrap(counts.accuracy, num_pictures, seed),
        iou=tuple(iou),
        majority=_majority(counts, commonest),
        counts=counts,
    )


def miou_difference(first: dict[str, Any], second: dict[str, Any], seed: int) -> Interval:
    """Mean IoU of the first minus that of the second, on the same draws of pictures.

    first, second: what `PixelCounts.to_dict` wrote, of the same pictures.
    """
    left = _read_counts(first)
    right = _read_counts(second)

    def difference(counts: np.ndarray) -> np.ndarray:
        return left.miou(counts) - right.miou(counts)

    return bootstrap(difference, len(left.both), seed)


def count_pixels(truth: np.ndarray, given: np.ndarray, num_classes: int) -> np.ndarray:
    """(3, K) pixels of one picture: both, truth and given; truth beyond K is ignored.

    truth, given: (h, w) class numbers.
    """
    counted = truth < num_classes
    real = truth[counted]
    answer = given[counted]
    agreed = real[real == answer]
    rows = [np.bincount(classes, minlength=num_classes) for classes in (agreed, real, answer)]
    return np.stack(rows)


def _iou_of_class(counts: PixelCounts, at: int, seed: int) -> Interval | None:
    """The IoU of one class; None for a class that is never there."""
    column = slice(at, at + 1)
    alone = PixelCounts(
        both=counts.both[:, column],
        truth=counts.truth[:, column],
        given=counts.given[:, column],
    )
    if not alone.truth.any():
        return None
    return bootstrap(alone.miou, len(counts.both), seed)


def _majority(counts: PixelCounts, commonest: int) -> dict[str, float]:
    truth = counts.truth.sum(0)
    share = float(truth[commonest] / truth.sum())
    # Its IoU is the share, and 0 for all other classes that are there.
    return {"accuracy": share, "miou": share / int((truth > 0).sum())}


def _mean_of_defined(values: np.ndarray) -> np.ndarray:
    """The mean of each row (R, K) over what is defined, NaN where nothing is."""
    defined = ~np.isnan(values)
    total = np.where(defined, values, 0.0).sum(1)
    return divide_or_nan(total, defined.sum(1))


def _whole(rows: np.ndarray) -> Tensor:
    """Counts of pixels as whole numbers, which they are."""
    return torch.from_numpy(rows.astype(np.int64))


def _read_counts(written: dict[str, Any]) -> PixelCounts:
    both, truth, given = (read_rows(written[name]).double() for name in ("both", "truth", "given"))
    return PixelCounts(both.numpy(), truth.numpy(), given.numpy())
