"""Which questions a rater gets, in which order and with which model on which side."""

from __future__ import annotations

import secrets
import sqlite3
from collections.abc import Mapping
from itertools import combinations
from typing import Any

import numpy as np

from maskwright.support.seeding import derive_seed


def draw_questions(
    base: sqlite3.Connection, rater: int, name: str, facts: Mapping[str, Any]
) -> None:
    """Give a rater the questions asked least so far, in an order and with sides by chance.

    The order follows from the seed of the vote and the rater's name; the tokens are secret.
    """
    rng = np.random.default_rng(derive_seed(facts["seed"], "questions", name))
    # Raters who stop early, and limits per rater, then leave no pair without votes.
    chosen = _least_asked(base, rng, facts)
    rows = []
    for place, (picture, *pair) in enumerate(chosen):
        # By chance and not in turn: a rater who notices a pattern is not blind any more.
        left, right = pair if rng.random() < 0.5 else reversed(pair)
        rows.append((secrets.token_urlsafe(12), rater, place, picture, left, right))
    base.executemany(
        "INSERT INTO showings (token, rater, place, picture, left_method, right_method)"
        " VALUES (?, ?, ?, ?, ?, ?)",
        rows,
    )


def _least_asked(
    base: sqlite3.Connection, rng: np.random.Generator, facts: Mapping[str, Any]
) -> list[tuple[int, int, int]]:
    """As many questions (picture, method, other method) as a rater gets, shuffled."""
    pairs = list(combinations(range(len(facts["methods"])), 2))
    # A question is a picture with two methods, the smaller number first.
    every = [(picture, *pair) for picture in range(facts["pictures"]) for pair in pairs]
    asked = {
        tuple(row): count
        for *row, count in base.execute(
            "SELECT picture, MIN(left_method, right_method), MAX(left_method, right_method),"
            " COUNT(*) FROM showings GROUP BY 1, 2, 3"
        )
    }
    shuffled = [every[at] for at in rng.permutation(len(every))]
    # Sorting is stable, so those asked equally often stay in the order of chance.
    least = sorted(shuffled, key=lambda question: asked.get(question, 0))[: facts["questions"]]
    return [least[at] for at in rng.permutation(len(least))]
