"""Class scores against the truth: top-1, top-5, AUROC, each class alone, and guessing."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from maskwright.evaluation.metrics import Interval, auroc_interval, bootstrap_interval


@dataclass(frozen=True)
class Answers:
    """How often a probe is right on test images, with bootstrap intervals.

    top1: share whose best class is the true one.
    top5: share whose true class is among the five best, None up to five classes.
    auroc: for two classes, the chance that an image of the larger label outranks one of the
        smaller.
    majority: top-1 of always answering the commonest train class.
    num_classes: classes that train has.
    correct: (n,) booleans, for paired comparisons.
    among_five: (n,) booleans, whether the true class is among the five best; None like top5.
    margins: for two classes, (n,) score of the larger label minus that of the smaller.
    positive: for two classes, (n,) booleans, whether the larger label is true.
    truth: (n,) labels.
    predicted: (n,) labels.
    """

    top1: Interval
    top5: Interval | None
    auroc: Interval | None
    majority: float
    num_classes: int
    correct: Tensor = field(repr=False)
    truth: Tensor = field(repr=False)
    predicted: Tensor = field(repr=False)
    among_five: Tensor | None = field(default=None, repr=False)
    margins: Tensor | None = field(default=None, repr=False)
    positive: Tensor | None = field(default=None, repr=False)

    def to_dict(self) -> dict[str, Any]:
        """Everything, ready for JSON.

        What is kept of every test image makes paired comparisons possible: `correct` and, where
        there is a top-5, `correct_top5` have a digit each, 1 = right; for two classes `margins` are
        numbers and `positive` has a 1 where the larger label is true.
        """
        of_each: dict[str, Any] = {"correct": _digits(self.correct)}
        if self.among_five is not None:
            of_each["correct_top5"] = _digits(self.among_five)
        if self.margins is not None and self.positive is not None:
            of_each["margins"] = self.margins.tolist()
            of_each["positive"] = _digits(self.positive)
        return {
            "top1": self.top1.to_dict(),
            "top5": None if self.top5 is None else self.top5.to_dict(),
            "auroc": None if self.auroc is None else self.auroc.to_dict(),
            "majority": self.majority,
            "num_classes": self.num_classes,
            "num_test": len(self.correct),
            "interval": "95% bootstrap over test images",
            "per_class": self.per_class(),
            "labels": self.labels().tolist(),
            "confusion": format_rows(self.confusion()),
            **of_each,
        }

    def labels(self) -> Tensor:
        """Every label that is true of a test image or answered for one, in rising order."""
        return torch.cat([self.truth, self.predicted]).unique()

    def confusion(self) -> Tensor:
        """Counts (K, K) over `labels`: row is the true class, column the answer."""
        labels = self.labels()
        rows = torch.searchsorted(labels, self.truth)
        columns = torch.searchsorted(labels, self.predicted)
        # Each pair of row and column is one number, so a single count gives the matrix.
        count = len(labels)
        cells = rows * count + columns
        return torch.bincount(cells, minlength=count**2).view(count, count)

    def per_class(self) -> list[dict[str, Any]]:
        """Label, number of test images and share right of each class in the test images."""
        labels, class_of, counts = self.truth.unique(return_inverse=True, return_counts=True)
        # (n,) answers -> (K,) right answers of each class
        rights = torch.zeros(len(labels), dtype=torch.float64)
        rights.index_add_(0, class_of, self.correct.double())
        shares = rights / counts
        rows = zip(labels.tolist(), counts.tolist(), shares.tolist(), strict=True)
        return [{"label": label, "n": count, "top1": share} for label, count, share in rows]


def _digits(is_right: Tensor) -> str:
    """A digit per image, 1 = right: one line of JSON where a list would take thousands."""
    return "".join("01"[right] for right in is_right.int().tolist())


def format_rows(counts: Tensor) -> list[str]:
    """A matrix of counts as one string per row, which stays readable in JSON."""
    return [" ".join(map(str, row)) for row in counts.tolist()]


def read_rows(rows: list[str]) -> Tensor:
    """What `format_rows` wrote."""
    return torch.tensor([list(map(int, row.split())) for row in rows])


def judge_answers(
    scores: Tensor, classes: Tensor, truth: Tensor, train_labels: Tensor, seed: int = 0
) -> Answers:
    """Compare class scores (n, K) with true labels (n,).

    classes: (K,) labels of the columns, in rising order.

    Equal scores prefer the smaller label; a true label that no train image has counts as wrong.
    """
    ranks = ranks_of_truth(scores, classes, truth).cpu()
    # What guessing without looking would answer.
    commonest = train_labels.mode().values
    auroc, margins, positive = None, None, None
    # With more classes there is no single curve.
    if len(classes) == 2:
        margins = (scores[:, 1] - scores[:, 0]).cpu()
        positive = (truth == classes[1]).cpu()
        auroc = auroc_interval(margins, positive, seed)
    return Answers(
        top1=bootstrap_interval(ranks == 0, seed),
        top5=bootstrap_interval(ranks < 5, seed) if len(classes) > 5 else None,
        auroc=auroc,
        majority=float((truth == commonest).double().mean()),
        num_classes=len(classes),
        correct=ranks == 0,
        truth=truth.cpu(),
        predicted=classes[scores.argmax(1)].cpu(),
        among_five=ranks < 5 if len(classes) > 5 else None,
        # Where one class alone is tested there is nothing to rank.
        margins=None if auroc is None else margins,
        positive=None if auroc is None else positive,
    )


def ranks_of_truth(scores: Tensor, classes: Tensor, truth: Tensor) -> Tensor:
    """The rank (n,) of each true label by falling score, 0 = first; K when no class has it."""
    # (n, K) labels from best to worst; a stable sort keeps the smaller label first among equals
    order = torch.argsort(scores, dim=1, descending=True, stable=True)
    ordered = classes[order]
    is_truth = ordered == truth[:, None]
    rank = is_truth.int().argmax(1)
    return torch.where(is_truth.any(1), rank, len(classes))
