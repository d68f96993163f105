"""How well a score ranks what is sought above the rest: AUROC and average precision."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from maskwright.evaluation.division import divide_or_nan
from maskwright.evaluation.metrics import Interval, auroc_of_counts, bootstrap, sum_groups


@dataclass(frozen=True)
class RankingScores:
    """Two numbers with 95% bootstrap intervals over pictures.

    auroc: the chance that a positive outranks a negative; 0.5 is chance.
    average_precision: mean precision over the positives; chance is their share.
    share: of positives.
    """

    auroc: Interval
    average_precision: Interval
    share: float

    def to_dict(self) -> dict[str, Any]:
        """Everything, ready for JSON."""
        return {
            "auroc": self.auroc.to_dict(),
            "average_precision": self.average_precision.to_dict(),
            "share_of_positives": self.share,
        }


def score_ranking(scores: np.ndarray, is_positive: np.ndarray, seed: int = 0) -> RankingScores:
    """Measure (n,) scores, larger is more positive, against (n,) booleans of both kinds."""

    def auroc(drawn: np.ndarray) -> np.ndarray:
        return auroc_of_counts(scores, is_positive, drawn)

    def precision(drawn: np.ndarray) -> np.ndarray:
        return precision_of_counts(scores, is_positive, drawn)

    return RankingScores(
        auroc=bootstrap(auroc, len(scores), seed),
        average_precision=bootstrap(precision, len(scores), seed),
        share=float(is_positive.mean()),
    )


def auroc_difference(
    first: np.ndarray, second: np.ndarray, is_positive: np.ndarray, seed: int = 0
) -> Interval:
    """AUROC of the first scores minus that of the second, over the same draws of pictures."""

    def difference(drawn: np.ndarray) -> np.ndarray:
        ours = auroc_of_counts(first, is_positive, drawn)
        theirs = auroc_of_counts(second, is_positive, drawn)
        return ours - theirs

    return bootstrap(difference, len(first), seed)


def precision_of_counts(
    scores: np.ndarray, is_positive: np.ndarray, counts: np.ndarray
) -> np.ndarray:
    """Average precision (R,) for (R, n) counts of how often each picture was drawn.

    The mean over positives of the precision at their score; equal scores come together. NaN where a
    draw has no positive.
    """
    # The largest score first, (R, n) -> (R, groups).
    positives, drawn = sum_groups(-scores, counts * is_positive, counts)
    # Precision at the end of each group, counted once for each positive in it.
    found = positives.cumsum(1)
    shown = drawn.cumsum(1)
    precision = np.zeros_like(found)
    np.divide(found, shown, out=precision, where=shown > 0)
    total = (precision * positives).sum(1)
    return divide_or_nan(total, positives.sum(1))
