"""Whether people agree in what they say of the same things: Krippendorff's alpha."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from maskwright.evaluation.division import divide_or_nan
from maskwright.evaluation.metrics import Interval, bootstrap


@dataclass(frozen=True, kw_only=True)
class RaterAgreement:
    """How far raters agree.

    alpha: Krippendorff's, 1 for perfect agreement and 0 for what chance gives, with its interval
        over the things that were rated.
    same: the share of pairs of answers to one thing that are the same.
    items: things that two raters or more have answered; others say nothing about agreement.
    """

    alpha: Interval
    same: float
    items: int


def measure_rater_agreement(
    items: np.ndarray, answers: np.ndarray, seed: int = 0
) -> RaterAgreement | None:
    """Measure the agreement of answers that have names and no order (Krippendorff 2011).

    items: (v,) number of the thing that an answer is about.
    answers: (v,) number of the answer.
    seed: draws the things for the interval.

    None where no thing has two answers, or where everybody always gives the same answer.
    """
    counts = _count_answers(items, answers)
    counts = counts[counts.sum(1) >= 2]
    num_answers = int((counts.sum(0) > 0).sum())
    if not len(counts) or num_answers < 2:
        return None
    given = counts.sum(1)  # (n,)
    pairs = given * (given - 1)
    # Pairs of the same answer to a thing, among all its pairs.
    same_pairs = (counts * (counts - 1)).sum(1)
    same = same_pairs / pairs

    def alpha(draws: np.ndarray) -> np.ndarray:
        """(R, n) numbers of times each thing is drawn -> (R,)."""
        # Each thing counts with as many answers as it has.
        total = draws @ given
        agreed = (draws * given * same).sum(1)
        observed = 1 - agreed / total
        # What would differ if the same answers were given to things by chance.
        marginals = draws @ counts  # (R, answers)
        alike = (marginals * (marginals - 1)).sum(1)
        expected = 1 - alike / (total * (total - 1))
        # A draw in which all say the same has nothing to disagree about: no answer.
        return 1 - divide_or_nan(observed, expected)

    return RaterAgreement(
        alpha=bootstrap(alpha, len(counts), seed),
        same=float((same * pairs).sum() / pairs.sum()),
        items=len(counts),
    )


def _count_answers(items: np.ndarray, answers: np.ndarray) -> np.ndarray:
    """(things, answers) how often each answer was given to each thing."""
    _, row = np.unique(items, return_inverse=True)
    _, column = np.unique(answers, return_inverse=True)
    num_items = row.max(initial=-1) + 1
    num_answers = column.max(initial=-1) + 1
    counts = np.zeros((num_items, num_answers))
    np.add.at(counts, (row, column), 1)
    return counts
