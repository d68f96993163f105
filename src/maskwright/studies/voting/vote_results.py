"""What follows from the votes: win rates, scores of more than two models, agreement of raters."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np

from maskwright.evaluation.bradley_terry import bradley_terry
from maskwright.evaluation.metrics import Interval
from maskwright.evaluation.paired_votes import TIES, Votes, WinRate, measure_win_rate
from maskwright.evaluation.rater_agreement import RaterAgreement, measure_rater_agreement
from maskwright.studies.power import ALPHA
from maskwright.studies.statistics import holm
from maskwright.studies.voting.ballot_box import BallotBox

_SHARES = {"left": 1.0, "right": 0.0, "tie": 0.5}


@dataclass(frozen=True, kw_only=True)
class PairResult:
    """Two models against each other.

    first, second: their names.
    won: how often the first was preferred.
    holm: p of that, corrected for all pairs of the vote.
    verdict: in words.
    """

    first: str
    second: str
    won: WinRate
    holm: float
    verdict: str


@dataclass(frozen=True, kw_only=True)
class VoteResults:
    """The outcome of a vote.

    title: of the vote.
    facts: how it was made.
    methods: the names of the models.
    raters, votes: how many there are.
    pairs: every two models that were compared.
    scores: of each model by Bradley and Terry; empty for two models or without votes.
    agreement: of the raters, None where no question was answered twice.
    left: how often the left side was preferred, which should be half; None without votes.
    """

    title: str
    facts: dict[str, Any]
    methods: Sequence[str]
    raters: int
    votes: int
    pairs: Sequence[PairResult]
    scores: Sequence[Interval]
    agreement: RaterAgreement | None
    left: WinRate | None

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        scores = zip(self.methods, self.scores, strict=False)
        return {
            "title": self.title,
            "policy": self.facts["policy"],
            "ratio": self.facts["ratio"],
            "pictures": self.facts["pictures"],
            "seen": self.facts["seen"],
            "show_original": self.facts["show_original"],
            "created": self.facts["created"],
            "methods": list(self.methods),
            "raters": self.raters,
            "votes": self.votes,
            "ties": TIES,
            "pairs": [_pair_to_dict(pair) for pair in self.pairs],
            "scores": {name: score.to_dict() for name, score in scores},
            "agreement": _agreement_to_dict(self.agreement),
            "left": None if self.left is None else self.left.rate.to_dict(),
        }


def count_votes(box: BallotBox) -> VoteResults:
    """Count the votes of a ballot as they are now."""
    rows = box.answered()
    methods = box.facts["methods"]
    votes = _to_votes(rows)
    return VoteResults(
        title=box.facts["title"],
        facts=box.facts,
        methods=methods,
        raters=len(np.unique(votes.rater)),
        votes=len(votes),
        pairs=_judge_pairs(votes, methods),
        scores=bradley_terry(votes, len(methods)) if len(methods) > 2 and len(votes) else [],
        agreement=_agreement(votes),
        left=measure_win_rate(votes) if len(votes) else None,
    )


def _to_votes(rows: Sequence[dict[str, Any]]) -> Votes:
    """The answers as arrays, the model on the left first."""
    names = sorted({row["rater"] for row in rows})
    # The left one first: turned as needed for each pair, and as it is to ask for a habit of sides.
    return Votes(
        first=np.array([row["left_method"] for row in rows], dtype=np.int64),
        second=np.array([row["right_method"] for row in rows], dtype=np.int64),
        share=np.array([_SHARES[row["answer"]] for row in rows]),
        picture=np.array([row["picture_id"] for row in rows], dtype=np.int64),
        rater=np.array([names.index(row["rater"]) for row in rows], dtype=np.int64),
    )


def _judge_pairs(votes: Votes, methods: Sequence[str]) -> list[PairResult]:
    """Win rates of all pairs that have votes, their p values corrected together."""
    rates: dict[tuple[int, int], WinRate] = {}
    for first, second in combinations(range(len(methods)), 2):
        # A vote that has just begun may not have asked about every pair.
        between = votes.between(first, second)
        if len(between):
            rates[first, second] = measure_win_rate(between)
    # All pairs of a vote are looked at together, so their p values are corrected together.
    corrected = holm([rate.p for rate in rates.values()])
    return [
        PairResult(
            first=methods[first],
            second=methods[second],
            won=rate,
            holm=p,
            verdict=_verdict(methods[first], methods[second], rate, p),
        )
        for ((first, second), rate), p in zip(rates.items(), corrected, strict=True)
    ]


def _verdict(first: str, second: str, won: WinRate, p: float) -> str:
    if p >= ALPHA:
        return "no preference shown"
    return f"{first if won.rate.value > 0.5 else second} is preferred"


def _agreement(votes: Votes) -> RaterAgreement | None:
    """Whether raters prefer the same model of the same pair on the same picture."""
    if not len(votes):
        return None
    low, high = np.minimum(votes.first, votes.second), np.maximum(votes.first, votes.second)
    # One number for each question: a picture with two models.
    span = int(high.max()) + 1
    items = (votes.picture * span + low) * span + high
    # Not the side but the method: raters see the same pair on other sides.
    preferred = np.where(votes.share == 1, votes.first, votes.second)
    return measure_rater_agreement(items, np.where(votes.share == 0.5, -1, preferred))


def _pair_to_dict(pair: PairResult) -> dict[str, Any]:
    won = pair.won
    return {
        "first": pair.first,
        "second": pair.second,
        "rate": won.rate.to_dict(),
        "votes": won.votes,
        "ties": won.ties,
        "pictures": won.pictures,
        "raters": won.raters,
        "effective": round(won.effective, 1),
        "p": won.p,
        "holm": pair.holm,
        "verdict": pair.verdict,
    }


def _agreement_to_dict(agreement: RaterAgreement | None) -> dict[str, Any] | None:
    if agreement is None:
        return None
    return {**dataclasses.asdict(agreement), "alpha": agreement.alpha.to_dict()}
