"""A ballot box keeps every vote once, shows sides by chance, and names no model before the end."""

from __future__ import annotations

import io
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from PIL import Image

from maskwright.studies.voting.ballot_box import BallotBox
from maskwright.studies.voting.vote_results import count_votes
from maskwright.studies.voting.vote_table import format_votes, vote_lines
from maskwright.support.errors import MaskwrightError
from tests.studies.voting.ballots import make_ballot


def gray(png: bytes) -> int:
    return int(Image.open(io.BytesIO(png)).convert("L").getpixel((0, 0)))  # type: ignore[arg-type]


def vote_all(box: BallotBox, name: str, prefer: int) -> None:
    """Answer everything, always for the fill of one method."""
    secret = box.join(name)
    while (showing := box.next(secret)) is not None:
        methods = {side: gray(box.picture(showing.token, side)) % 10 for side in ("left", "right")}
        sides = [side for side, method in methods.items() if method == prefer]
        box.answer(secret, showing.token, sides[0] if sides else "tie")


def test_votes_go_to_the_model_that_was_seen_whatever_its_side(tmp_path: Path) -> None:
    box = BallotBox.create(tmp_path / "votes.db", make_ballot(pictures=12))
    for name in ("ann", "ben", "cleo"):
        vote_all(box, name, prefer=1)
    results = count_votes(box)
    (pair,) = results.pairs
    assert (pair.first, pair.won.rate.value, pair.won.votes) == ("arm-alpha", 0.0, 36)
    assert pair.verdict == "arm-beta is preferred"
    # Where only one answer was ever given, agreement by chance is perfect too.
    assert results.agreement is None
    assert results.left is not None
    assert 0.2 < results.left.rate.value < 0.8
    state = box.state()
    assert (state.raters, state.finished, state.votes) == (3, 3, 36)
    rows = format_votes(box).splitlines()
    assert len(rows) == 37
    assert all(row.split(",")[5] == "arm-beta" for row in rows[1:])


def test_raters_get_other_orders_and_sides(tmp_path: Path) -> None:
    box = BallotBox.create(tmp_path / "votes.db", make_ballot(pictures=12))
    shown = []
    for name in ("ann", "ben"):
        secret, order = box.join(name), []
        while (showing := box.next(secret)) is not None:
            order.append(gray(box.picture(showing.token, "left")))
            box.answer(secret, showing.token, "tie")
        shown.append(order)
    assert shown[0] != shown[1]
    assert {value // 10 for value in shown[0]} == set(range(12))


def test_a_limit_shares_the_questions_out(tmp_path: Path) -> None:
    ballot = make_ballot(("a", "b", "c"), pictures=4, per_rater=6)
    box = BallotBox.create(tmp_path / "votes.db", ballot)
    for name in ("ann", "ben"):
        vote_all(box, name, prefer=0)
    asked = {
        (row["picture_id"], *sorted((row["left_method"], row["right_method"])))
        for row in box.answered()
    }
    # Twelve questions, six each: none is asked twice before all are asked.
    assert len(asked) == 12
    results = count_votes(box)
    assert results.scores[0].value > 0.5
    assert any("a was preferred to b in 100%" in line for line in vote_lines(results.to_dict()))


def test_an_answer_can_be_taken_back_and_given_again(tmp_path: Path) -> None:
    box = BallotBox.create(tmp_path / "votes.db", make_ballot())
    secret = box.join("ann")
    first = box.next(secret)
    assert first is not None
    box.answer(secret, first.token, "left")
    box.take_back(secret)
    assert box.next(secret) == first
    box.answer(secret, first.token, "right")
    assert [row["answer"] for row in box.answered()] == ["right"]


def test_many_raters_at_once_lose_no_vote(tmp_path: Path) -> None:
    box = BallotBox.create(tmp_path / "votes.db", make_ballot(pictures=5))
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda number: vote_all(box, f"rater {number}", 0), range(8)))
    assert box.state().votes == 40


def test_mistakes_are_sentences_and_the_end_is_the_end(tmp_path: Path) -> None:
    path = tmp_path / "votes.db"
    box = BallotBox.create(path, make_ballot())
    secret = box.join("ann")
    showing = box.next(secret)
    assert showing is not None
    with pytest.raises(MaskwrightError, match="votes as 'ann' already"):
        box.join(" ann ")
    with pytest.raises(MaskwrightError, match="left, right or tie"):
        box.answer(secret, showing.token, "both")
    other = box.join("ben")
    with pytest.raises(MaskwrightError, match="not asked of you"):
        box.answer(other, showing.token, "left")
    with pytest.raises(MaskwrightError, match="no picture 'original'"):
        box.picture(showing.token, "original")
    with pytest.raises(MaskwrightError, match="already"):
        BallotBox.create(path, make_ballot())
    box.close()
    with pytest.raises(MaskwrightError, match="has ended"):
        box.answer(secret, showing.token, "left")
    (tmp_path / "other.db").write_text("no database, but long enough to be read as one " * 20)
    with pytest.raises(MaskwrightError, match="holds no vote"):
        BallotBox(tmp_path / "other.db")


def test_pictures_say_nothing_of_where_they_come_from(tmp_path: Path) -> None:
    box = BallotBox.create(tmp_path / "votes.db", make_ballot(show_original=True))
    showing = box.next(box.join("ann"))
    assert showing is not None
    for part in ("left", "right", "masked", "original"):
        png = box.picture(showing.token, part)
        assert Image.open(io.BytesIO(png)).info == {}
        assert b"arm-" not in png


def test_formulas_in_names_are_no_formulas_in_a_spreadsheet(tmp_path: Path) -> None:
    box = BallotBox.create(tmp_path / "votes.db", make_ballot())
    vote_all(box, "=1+1", prefer=0)
    assert format_votes(box).splitlines()[1].startswith("'=1+1,")
