"""Whether people agree in what they say of the same things: Krippendorff's alpha."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

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
    if not len(counts) or (counts.sum(0) > 0).sum() < 2:
        return None
    given = counts.sum(1)
    # Pairs of the same answer to a thing, among all its pairs.
    same = (counts * (counts - 1)).sum(1) / (given * (given - 1))

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
        nothing = np.full(len(draws), np.nan)
        return 1 - np.divide(observed, expected, out=nothing, where=expected > 0)

    pairs = given * (given - 1)
    return RaterAgreement(
        alpha=bootstrap(alpha, len(counts), seed),
        same=float((same * pairs).sum() / pairs.sum()),
        items=len(counts),
    )


def _count_answers(items: np.ndarray, answers: np.ndarray) -> np.ndarray:
    """(things, answers) how often each answer was given to each thing."""
    _, row = np.unique(items, return_inverse=True)
    _, column = np.unique(answers, return_inverse=True)
    counts = np.zeros((row.max(initial=-1) + 1, column.max(initial=-1) + 1))
    np.add.at(counts, (row, column), 1)
    return counts
