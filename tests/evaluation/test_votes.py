"""Paired votes: win rates, scores and agreement against worked examples and other programs."""

from __future__ import annotations

import numpy as np
import pytest

from maskwright.evaluation.bradley_terry import bradley_terry, predicted_rates
from maskwright.evaluation.paired_votes import Votes, measure_win_rate, wilson_interval
from maskwright.evaluation.rater_agreement import measure_rater_agreement
from maskwright.support.errors import MaskwrightError


def make_votes(rows: list[tuple[int, int, float, int, int]]) -> Votes:
    first, second, share, picture, rater = map(np.array, zip(*rows, strict=True))
    return Votes(first, second, share.astype(float), picture, rater)


def simulate(scores: list[float], pictures: int, raters: int, seed: int, spread: float) -> Votes:
    """Votes by the model itself, with a taste of each picture that all raters share."""
    rng = np.random.default_rng(seed)
    rows = []
    for picture in range(pictures):
        taste = rng.normal(0, spread, len(scores))
        for rater in range(raters):
            for one in range(len(scores)):
                for two in range(one):
                    gap = scores[one] - scores[two] + taste[one] - taste[two]
                    rows.append(
                        (one, two, float(rng.random() < 1 / (1 + np.exp(-gap))), picture, rater)
                    )
    return make_votes(rows)


def test_wilson_interval_is_the_textbook_one():
    # Newcombe (1998), table I: 81 of 263.
    low, high = wilson_interval(81 / 263, 263)
    assert (round(low, 4), round(high, 4)) == (0.2553, 0.3662)
    assert wilson_interval(1.0, 10)[1] == pytest.approx(1.0)


def test_votes_are_turned_and_ties_are_halves():
    votes = make_votes([(0, 1, 1, 0, 0), (1, 0, 1, 1, 0), (1, 0, 0.5, 2, 0), (0, 2, 1, 0, 0)])
    rate = measure_win_rate(votes.between(0, 1))
    assert rate.rate.value == 0.5
    assert (rate.votes, rate.ties, rate.pictures) == (3, 1, 3)
    assert rate.p == 1.0
    other = measure_win_rate(votes.between(2, 0))
    assert other.rate.value == 0.0


def test_votes_that_copy_each_other_do_not_count_again():
    alone = make_votes([(0, 1, float(at % 3 > 0), at, 0) for at in range(30)])
    copied = make_votes(
        [(0, 1, float(at % 3 > 0), at, who) for at in range(30) for who in range(9)]
    )
    one, nine = measure_win_rate(alone), measure_win_rate(copied)
    assert nine.votes == 270
    assert nine.effective == pytest.approx(one.effective, rel=0.05)
    assert nine.rate.low == pytest.approx(one.rate.low, abs=0.01)


def test_the_interval_covers_as_often_as_it_says():
    covered = 0
    for seed in range(200):
        votes = simulate([0.4, 0.0], 25, 5, seed, spread=1.0)
        rate = measure_win_rate(votes.between(0, 1)).rate
        # The mean over tastes, of 400,000 draws.
        covered += rate.low <= 0.5715 <= rate.high
    assert 0.90 <= covered / 200 <= 0.99


def test_scores_find_those_that_made_the_votes():
    votes = simulate([1.0, 0.0, -1.0], 300, 1, 0, spread=0.0)
    scores = bradley_terry(votes, 3)
    assert [score.value for score in scores] == pytest.approx([1.0, 0.0, -1.0], abs=0.15)
    assert all(
        score.low < truth < score.high for score, truth in zip(scores, [1, 0, -1], strict=True)
    )


def test_the_scores_of_two_methods_give_their_win_rate():
    votes = make_votes([(0, 1, float(at < 300), at, 0) for at in range(400)])
    scores = [score.value for score in bradley_terry(votes, 2)]
    assert predicted_rates(scores)[0, 1] == pytest.approx(0.75, abs=0.002)


def test_a_method_that_always_wins_has_a_finite_score_and_an_interval():
    scores = bradley_terry(make_votes([(0, 1, 1.0, at, 0) for at in range(12)]), 2)
    assert 1.0 < scores[0].value < 3.0
    assert scores[0].low < scores[0].value < scores[0].high


def test_errors_grow_where_raters_copy_each_other():
    alone = make_votes([(0, 1, float(at % 3 > 0), at, 0) for at in range(60)])
    copied = make_votes(
        [(0, 1, float(at % 3 > 0), at, who) for at in range(60) for who in range(9)]
    )
    one, nine = bradley_terry(alone, 2)[0], bradley_terry(copied, 2)[0]
    assert nine.high - nine.low == pytest.approx(one.high - one.low, rel=0.1)


def test_alpha_is_that_of_krippendorffs_example():
    # Krippendorff (2011), "Computing Krippendorff's alpha-reliability", example B for two
    # observers and nominal data: alpha 0.692. Each letter is what one observer said of a thing.
    first, second = "aabbdcccedda", "babbbccceddd"
    items = np.tile(np.arange(12), 2)
    answers = np.array([ord(letter) for letter in first + second])
    found = measure_rater_agreement(items, answers)
    assert found is not None
    assert round(found.alpha.value, 3) == 0.692
    assert found.items == 12
    assert found.alpha.low < 0.692 < found.alpha.high <= 1.0


def test_chance_agrees_at_zero_and_single_answers_do_not_count():
    rng = np.random.default_rng(0)
    items = np.repeat(np.arange(600), 3)
    found = measure_rater_agreement(items, rng.integers(0, 3, len(items)))
    assert found is not None
    assert found.alpha.value == pytest.approx(0.0, abs=0.06)
    assert found.same == pytest.approx(1 / 3, abs=0.05)
    assert measure_rater_agreement(np.arange(5), np.arange(5)) is None
    assert measure_rater_agreement(np.array([0, 0]), np.array([1, 1])) is None


def test_nothing_to_count_is_a_sentence():
    votes = make_votes([(0, 1, 1.0, 0, 0)])
    with pytest.raises(MaskwrightError, match="no vote about these two"):
        measure_win_rate(votes.between(0, 2))
