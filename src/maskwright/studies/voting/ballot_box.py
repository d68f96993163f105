"""The votes of one ballot in an SQLite file: what is shown to whom, and what they answer."""

from __future__ import annotations

import secrets
import sqlite3
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from maskwright.studies.voting.ballot import Ballot
from maskwright.studies.voting.ballot_file import (
    fill_file,
    find_rater,
    is_open,
    read_facts,
    reading,
    require_open,
    writing,
)
from maskwright.studies.voting.questions import draw_questions
from maskwright.support.errors import MaskwrightError
from maskwright.support.files import write_atomic
from maskwright.workflows.runs.run_folder import now

ANSWERS = ("left", "right", "tie")
_LONGEST_NAME = 60


@dataclass(frozen=True, kw_only=True)
class BallotState:
    """What everybody may know of a vote; no model is named.

    title: of the vote.
    is_open: whether votes are taken; afterwards the results are public.
    show_original: whether raters see the whole picture.
    questions: to each rater.
    pictures: how many there are.
    raters, finished: people that have begun, and that have answered everything.
    votes: answers so far.
    created: when it was made.
    """

    title: str
    is_open: bool
    show_original: bool
    questions: int
    pictures: int
    raters: int
    finished: int
    votes: int
    created: str


@dataclass(frozen=True)
class ShownQuestion:
    """One question to one rater.

    token: a random name for it, which says nothing.
    number: 1 for the first question of this rater.
    total: how many questions this rater has.
    """

    token: str
    number: int
    total: int


class BallotBox:
    """The file of a vote; many raters and processes may use it at once."""

    def __init__(self, path: Path | str) -> None:
        """Open a vote; raises MaskwrightError where there is none."""
        self.path = Path(path)
        if not self.path.is_file():
            raise MaskwrightError(f"There is no vote at '{path}'.")
        self._facts = read_facts(self.path)

    @classmethod
    def create(cls, path: Path | str, ballot: Ballot) -> BallotBox:
        """Write a ballot to a new file, whole or not at all."""
        if Path(path).exists():
            raise MaskwrightError(f"There is a vote at '{path}' already; close or move it first.")
        write_atomic(path, lambda temporary: fill_file(temporary, ballot))
        return cls(path)

    @property
    def facts(self) -> dict[str, Any]:
        """How the ballot was made: title, methods, runs, policy, ratio, seed, seen."""
        return dict(self._facts)

    def state(self) -> BallotState:
        """How far the vote is."""
        with reading(self.path) as base:
            counts = base.execute(
                "SELECT COUNT(DISTINCT rater), COUNT(answer), COUNT(*) FROM showings"
            ).fetchone()
            unfinished = base.execute(
                "SELECT COUNT(DISTINCT rater) FROM showings WHERE answer IS NULL"
            ).fetchone()[0]
            open_now = is_open(base)
        # Nothing of the models: this is what everybody may see.
        facts = self._facts
        return BallotState(
            title=facts["title"],
            is_open=open_now,
            show_original=facts["show_original"],
            questions=facts["questions"],
            pictures=facts["pictures"],
            raters=counts[0],
            finished=counts[0] - unfinished,
            votes=counts[1],
            created=facts["created"],
        )

    def join(self, name: str) -> str:
        """Take a rater in, and return the secret by which this rater goes on.

        Raises MaskwrightError for an empty name, one that is taken, and a vote that has ended.
        """
        # Blanks that nobody sees would let the same person vote twice.
        name = " ".join(name.split())[:_LONGEST_NAME]
        if not name:
            raise MaskwrightError("Give a name or initials, so that raters can be told apart.")
        secret = secrets.token_urlsafe(16)
        # The rater and the questions in one transaction: never a rater without any.
        with writing(self.path) as base:
            require_open(base)
            try:
                added = base.execute(
                    "INSERT INTO raters (name, secret, joined) VALUES (?, ?, ?)",
                    (name, secret, now()),
                )
            except sqlite3.IntegrityError as error:
                raise MaskwrightError(
                    f"Somebody votes as '{name}' already. Take another name, or go on in the"
                    " browser that you began in."
                ) from error
            draw_questions(base, int(added.lastrowid or 0), name, self._facts)
        return secret

    def next(self, secret: str) -> ShownQuestion | None:
        """The first question that a rater has not answered; None when all are answered."""
        with reading(self.path) as base:
            rater = find_rater(base, secret)
            total, done = base.execute(
                "SELECT COUNT(*), COUNT(answer) FROM showings WHERE rater = ?", (rater,)
            ).fetchone()
            row = base.execute(
                "SELECT token FROM showings WHERE rater = ? AND answer IS NULL ORDER BY place",
                (rater,),
            ).fetchone()
        return None if row is None else ShownQuestion(row["token"], done + 1, total)

    def answer(self, secret: str, token: str, answer: str) -> None:
        """Put down an answer: left, right or tie. A second answer replaces the first."""
        if answer not in ANSWERS:
            raise MaskwrightError(f"An answer is left, right or tie; got '{answer}'.")
        with writing(self.path) as base:
            require_open(base)
            # By token and rater: nobody answers for somebody else.
            changed = base.execute(
                "UPDATE showings SET answer = ?, answered = ? WHERE token = ? AND rater = ?",
                (answer, now(), token, find_rater(base, secret)),
            )
            if not changed.rowcount:
                raise MaskwrightError("This question was not asked of you. Load the page again.")

    def take_back(self, secret: str) -> None:
        """Ask a rater's last question again."""
        with writing(self.path) as base:
            require_open(base)
            base.execute(
                "UPDATE showings SET answer = NULL, answered = NULL WHERE token ="
                " (SELECT token FROM showings WHERE rater = ? AND answer IS NOT NULL"
                " ORDER BY place DESC LIMIT 1)",
                (find_rater(base, secret),),
            )

    def picture(self, token: str, part: str) -> bytes:
        """The PNG of a question: left, right, masked, or original where raters may see it."""
        columns = {"left": "left_method", "right": "right_method"}
        with reading(self.path) as base:
            row = base.execute("SELECT * FROM showings WHERE token = ?", (token,)).fetchone()
            if row is None:
                raise MaskwrightError("There is no such question. Load the page again.")
            if part in columns:
                found = base.execute(
                    "SELECT png FROM fills WHERE picture = ? AND method = ?",
                    (row["picture"], row[columns[part]]),
                ).fetchone()
            # `part` is one of two words here, and so no way into the statement.
            elif part == "masked" or (part == "original" and self._facts["show_original"]):
                found = base.execute(
                    f"SELECT {part} AS png FROM pictures WHERE id = ?", (row["picture"],)
                ).fetchone()
            else:
                raise MaskwrightError(f"A question has no picture '{part}'.")
        return bytes(found["png"])

    def close(self) -> None:
        """End the vote: no more answers, and its results become public."""
        with writing(self.path) as base:
            # Whoever comes second changes nothing.
            base.execute("INSERT OR IGNORE INTO ended (id, at) VALUES (1, ?)", (now(),))

    def answered(self) -> list[dict[str, Any]]:
        """Every answer so far: rater, picture, left, right, answer, answered."""
        with reading(self.path) as base:
            rows = base.execute(
                "SELECT raters.name AS rater, pictures.name AS picture, picture AS picture_id,"
                " left_method, right_method, answer, answered FROM showings"
                " JOIN raters ON raters.id = rater JOIN pictures ON pictures.id = picture"
                " WHERE answer IS NOT NULL ORDER BY rater, place"
            ).fetchall()
        return [dict(row) for row in rows]
