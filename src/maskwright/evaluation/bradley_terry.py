"""Scores of several methods from paired votes, by the model of Bradley and Terry (1952)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.optimize import minimize
from scipy.special import expit, log_expit
from scipy.stats import norm

from maskwright.evaluation.metrics import Interval
from maskwright.evaluation.paired_votes import Votes
from maskwright.support.errors import MaskwrightError

PRIOR = 1.0
"""Tied votes that every pair begins with: a method that always wins still has a finite score."""


def bradley_terry(votes: Votes, count: int, level: float = 0.95) -> list[Interval]:
    """Give every method a score, such that differences are log odds of being preferred.

    The scores have a mean of 0. Ties count as half a vote for each. Errors are the larger of the
    model's own and of the one that is robust to votes of one picture being alike (Angrist and
    Pischke 2009, ch. 8.1).

    votes: about any pairs of the methods.
    count: how many methods there are.

    Raises MaskwrightError for fewer than two methods or no vote.
    """
    if count < 2 or not len(votes):
        raise MaskwrightError(
            f"Scores need votes about two methods at least; got {len(votes)} votes about {count}."
        )
    wins = _count_wins(votes, count)
    scores = _fit(wins)
    errors = _errors(votes, wins, scores)
    z = float(norm.ppf((1 + level) / 2))
    lows = scores - z * errors
    highs = scores + z * errors
    ends = zip(scores.tolist(), lows.tolist(), highs.tolist(), strict=True)
    return [Interval(score, low, high) for score, low, high in ends]


def predicted_rates(scores: Sequence[float] | np.ndarray) -> np.ndarray:
    """The (k, k) chance that the method of a row is preferred to that of a column."""
    values = np.asarray(scores, dtype=np.float64)
    return expit(values[:, None] - values[None, :])


def _count_wins(votes: Votes, count: int) -> np.ndarray:
    """(k, k) votes for the method of a row over that of a column, the prior's among them."""
    wins = np.full((count, count), PRIOR / 2)
    np.fill_diagonal(wins, 0.0)
    np.add.at(wins, (votes.first, votes.second), votes.share)
    np.add.at(wins, (votes.second, votes.first), 1 - votes.share)
    return wins


def _fit(wins: np.ndarray) -> np.ndarray:
    """The (k,) scores of the largest likelihood."""

    def loss(scores: np.ndarray) -> tuple[float, np.ndarray]:
        gap = scores[:, None] - scores[None, :]
        likelihood = wins * log_expit(gap)
        # What the model expects against what was counted, a row per method.
        expected = (wins + wins.T) * expit(gap)
        slope = (expected - wins).sum(1)
        return -float(likelihood.sum()), slope

    found = minimize(loss, np.zeros(len(wins)), jac=True, method="BFGS")
    return found.x - found.x.mean()


def _errors(votes: Votes, wins: np.ndarray, scores: np.ndarray) -> np.ndarray:
    """Standard errors (k,) of the scores."""
    rates = predicted_rates(scores)
    weights = (wins + wins.T) * rates * rates.T
    # Only differences are known, so the information has no inverse but a pseudo-inverse.
    information = np.diag(weights.sum(1)) - weights
    covariance = np.linalg.pinv(information, hermitian=True)
    # How each picture alone would move the scores.
    _, place = np.unique(votes.picture, return_inverse=True)
    clusters = int(place.max()) + 1
    surprise = votes.share - rates[votes.first, votes.second]
    pulls = np.zeros((clusters, len(scores)))
    np.add.at(pulls, (place, votes.first), surprise)
    np.add.at(pulls, (place, votes.second), -surprise)
    moved = pulls @ covariance
    # Corrected for few pictures, as a variance is.
    correction = clusters / max(1, clusters - 1)
    robust = np.square(moved).sum(0) * correction
    variance = np.maximum(np.diag(covariance), robust)
    return np.sqrt(variance)
