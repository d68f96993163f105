"""How often people prefer one of two methods, with intervals that know votes of one picture are
alike.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy import stats

from maskwright.evaluation.metrics import Interval
from maskwright.support.errors import MaskwrightError

TIES = "can't tell counts as half a vote for each"
"""How ties are counted, in words for reports."""


@dataclass(frozen=True, eq=False)
class Votes:
    """v answers to the question which of two methods is better on a picture.

    first, second: (v,) numbers of the two methods.
    share: (v,) how much of the vote is for the first: 1, 0, or 0.5 for "can't tell".
    picture: (v,) number of the picture.
    rater: (v,) number of the person.
    """

    first: np.ndarray
    second: np.ndarray
    share: np.ndarray
    picture: np.ndarray
    rater: np.ndarray

    def __len__(self) -> int:
        return len(self.share)

    def between(self, this: int, other: int) -> Votes:
        """The votes about two methods, each turned so that `this` comes first."""
        as_asked = (self.first == this) & (self.second == other)
        turned = (self.first == other) & (self.second == this)
        some = as_asked | turned
        share = np.where(turned, 1 - self.share, self.share)
        count = int(some.sum())
        return Votes(
            first=np.full(count, this),
            second=np.full(count, other),
            share=share[some],
            picture=self.picture[some],
            rater=self.rater[some],
        )


@dataclass(frozen=True, kw_only=True)
class WinRate:
    """How often one method was preferred to another.

    rate: the share of votes, ties as halves, with its interval.
    votes, ties, pictures, raters: how many there are.
    effective: how many independent votes these are worth.
    p: two-sided, of the question whether both are preferred equally often.
    """

    rate: Interval
    votes: int
    ties: int
    pictures: int
    raters: int
    effective: float
    p: float


def measure_win_rate(votes: Votes, level: float = 0.95) -> WinRate:
    """Measure how often the first method of `Votes.between` is preferred.

    Several people who look at one picture tend to see the same, so their votes are fewer than they
    seem. The interval is Wilson's (1927) with the number of votes divided by the design effect over
    pictures (Kish 1965), as Dean and Pagano (2015) advise for clustered samples. The raters are
    taken as they are: others may differ. Raises MaskwrightError without votes.
    """
    if not len(votes):
        raise MaskwrightError("There is no vote about these two methods.")
    rate = float(votes.share.mean())
    effective = _effective_votes(votes.share, votes.picture)
    low, high = wilson_interval(rate, effective, level)
    # Under equality a vote has a variance of at most 1/4: ties make the test careful.
    deviation = math.sqrt(0.25 / effective)
    z = (rate - 0.5) / deviation
    return WinRate(
        rate=Interval(rate, low, high),
        votes=len(votes),
        ties=int((votes.share == 0.5).sum()),
        pictures=len(np.unique(votes.picture)),
        raters=len(np.unique(votes.rater)),
        effective=effective,
        p=float(2 * stats.norm.sf(abs(z))),
    )


def wilson_interval(rate: float, count: float, level: float = 0.95) -> tuple[float, float]:
    """Give the ends of Wilson's score interval of a share of `count` votes, inside [0, 1]."""
    z = float(stats.norm.ppf((1 + level) / 2))
    weight = z * z / count
    # Drawn towards one half, as if z * z more votes had come, half for each.
    middle = (rate + weight / 2) / (1 + weight)
    variance = rate * (1 - rate) / count
    widened = variance + weight / (4 * count)
    half = z * math.sqrt(widened) / (1 + weight)
    # The ends of a share of 0 or 1 are exact but for rounding.
    return max(0.0, middle - half), min(1.0, middle + half)


def _effective_votes(share: np.ndarray, picture: np.ndarray) -> float:
    """The number of votes over the design effect: between the pictures and the votes."""
    _, place = np.unique(picture, return_inverse=True)
    clusters = int(place.max()) + 1
    rate = share.mean()
    # The variance of the rate if every vote stood for itself.
    alone = rate * (1 - rate) / len(share)
    # With one picture, or with a single opinion, nothing can be said about how alike votes are.
    if clusters < 2 or alone == 0:
        return float(clusters)
    # The same from the sums of each picture, which hold what its votes have in common.
    sums = np.bincount(place, share - rate)
    spread = clusters / (clusters - 1) * np.square(sums).sum()
    together = spread / len(share) ** 2
    # Never more than the votes there are, and never fewer than the pictures.
    effect = min(max(1.0, together / alone), len(share) / clusters)
    return len(share) / effect
