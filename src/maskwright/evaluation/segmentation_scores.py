"""How well classes of pixels are found: IoU of each class, their mean, and pixel accuracy."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from maskwright.evaluation.answers import format_rows, read_rows
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
        both, truth = counts @ self.both, counts @ self.truth
        union = truth + counts @ self.given - both
        undefined = np.full(both.shape, np.nan)
        return np.divide(both, union, out=undefined, where=truth > 0)

    def accuracy(self, counts: np.ndarray) -> np.ndarray:
        """Share (R,) of the pixels that were given their class."""
        truth = counts @ self.truth.sum(1)
        undefined = np.full(truth.shape, np.nan)
        return np.divide(counts @ self.both.sum(1), truth, out=undefined, where=truth > 0)

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
    draws = _all_iou(counts, seed)
    iou = tuple(draws[at] if counts.truth[:, at].any() else None for at in range(num_classes))
    return SegmentationScores(
        miou=bootstrap(counts.miou, num_pictures, seed),
        accuracy=bootstrap(counts.accuracy, num_pictures, seed),
        iou=iou,
        majority=_majority(counts, commonest),
        counts=counts,
    )


def miou_difference(first: dict[str, Any], second: dict[str, Any], seed: int) -> Interval:
    """Mean IoU of the first minus that of the second, on the same draws of pictures.

    first, second: what `PixelCounts.to_dict` wrote, of the same pictures.
    """
    left, right = _read_counts(first), _read_counts(second)
    return bootstrap(lambda counts: left.miou(counts) - right.miou(counts), len(left.both), seed)


def count_pixels(truth: np.ndarray, given: np.ndarray, num_classes: int) -> np.ndarray:
    """(3, K) pixels of one picture: both, truth and given; truth beyond K is ignored.

    truth, given: (h, w) class numbers.
    """
    counted = truth < num_classes
    real, answer = truth[counted], given[counted]
    return np.stack(
        [
            np.bincount(real[real == answer], minlength=num_classes),
            np.bincount(real, minlength=num_classes),
            np.bincount(answer, minlength=num_classes),
        ]
    )


def _all_iou(counts: PixelCounts, seed: int) -> list[Interval]:
    """The interval of each class; those of classes that are never there mean nothing."""
    intervals = []
    for at in range(counts.both.shape[1]):
        column = slice(at, at + 1)
        alone = PixelCounts(
            counts.both[:, column], counts.truth[:, column], counts.given[:, column]
        )
        if not alone.truth.any():
            intervals.append(Interval(float("nan"), float("nan"), float("nan")))
            continue
        intervals.append(bootstrap(alone.miou, len(counts.both), seed))
    return intervals


def _majority(counts: PixelCounts, commonest: int) -> dict[str, float]:
    truth = counts.truth.sum(0)
    share = float(truth[commonest] / truth.sum())
    # Its IoU is the share, and 0 for all other classes that are there.
    return {"accuracy": share, "miou": share / int((truth > 0).sum())}


def _mean_of_defined(values: np.ndarray) -> np.ndarray:
    """The mean of each row (R, K) over what is defined, NaN where nothing is."""
    defined = ~np.isnan(values)
    total = np.where(defined, values, 0.0).sum(1)
    count = defined.sum(1)
    return np.divide(total, count, out=np.full(len(values), np.nan), where=count > 0)


def _whole(rows: np.ndarray) -> Tensor:
    """Counts of pixels as whole numbers, which they are."""
    return torch.from_numpy(rows.astype(np.int64))


def _read_counts(written: dict[str, Any]) -> PixelCounts:
    columns = (read_rows(written[name]).numpy() for name in ("both", "truth", "given"))
    return PixelCounts(*(column.astype(np.float64) for column in columns))
