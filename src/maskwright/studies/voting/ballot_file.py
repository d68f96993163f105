"""The SQLite file of a ballot: its tables, how it is filled once, and what is often asked of it."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from maskwright.studies.voting.ballot import Ballot
from maskwright.support.errors import MaskwrightError
from maskwright.workflows.runs.run_folder import now

_PATIENCE = 30.0
"""Seconds that a writer waits for another."""

# A showing is one question to one rater: a picture, and which model stands on which side.
_TABLES = """
CREATE TABLE facts (name TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE pictures (
    id INTEGER PRIMARY KEY, name TEXT NOT NULL, original BLOB NOT NULL, masked BLOB NOT NULL
);
CREATE TABLE fills (
    picture INTEGER NOT NULL REFERENCES pictures (id), method INTEGER NOT NULL,
    png BLOB NOT NULL, PRIMARY KEY (picture, method)
);
CREATE TABLE raters (
    id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, secret TEXT NOT NULL UNIQUE,
    joined TEXT NOT NULL
);
CREATE TABLE showings (
    token TEXT PRIMARY KEY, rater INTEGER NOT NULL REFERENCES raters (id),
    place INTEGER NOT NULL, picture INTEGER NOT NULL REFERENCES pictures (id),
    left_method INTEGER NOT NULL, right_method INTEGER NOT NULL,
    answer TEXT CHECK (answer IN ('left', 'right', 'tie')), answered TEXT,
    UNIQUE (rater, place)
);
CREATE TABLE ended (id INTEGER PRIMARY KEY CHECK (id = 1), at TEXT NOT NULL);
"""


def fill_file(path: Path, ballot: Ballot) -> None:
    """Write a new file with everything but raters and answers."""
    with closing(sqlite3.connect(path)) as base:
        # Readers and one writer do not wait for each other; the file remembers it.
        base.execute("PRAGMA journal_mode = WAL")
        base.executescript(_TABLES)
        with base:
            rows = [(name, json.dumps(value)) for name, value in _facts(ballot).items()]
            base.executemany("INSERT INTO facts VALUES (?, ?)", rows)
            for number, picture in enumerate(ballot.pictures):
                base.execute(
                    "INSERT INTO pictures VALUES (?, ?, ?, ?)",
                    (number, picture.name, picture.original, picture.masked),
                )
                fills = [(number, method, png) for method, png in enumerate(picture.fills)]
                base.executemany("INSERT INTO fills VALUES (?, ?, ?)", fills)
        # Everything into the one file, which is moved to its place alone.
        base.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def connect(path: Path) -> sqlite3.Connection:
    """Open the file; each statement stands for itself until a transaction begins."""
    base = sqlite3.connect(path, timeout=_PATIENCE, isolation_level=None)
    base.row_factory = sqlite3.Row
    return base


@contextmanager
def reading(path: Path) -> Iterator[sqlite3.Connection]:
    """A connection that is closed at the end."""
    with closing(connect(path)) as base:
        yield base


@contextmanager
def writing(path: Path) -> Iterator[sqlite3.Connection]:
    """A transaction that takes place as a whole or not at all; writers wait for each other."""
    with closing(connect(path)) as base:
        base.execute("BEGIN IMMEDIATE")
        with base:  # commits, or rolls back on an error
            yield base


def read_facts(path: Path) -> dict[str, Any]:
    """How the ballot was made; raises MaskwrightError for a file that holds none."""
    try:
        with reading(path) as base:
            rows = base.execute("SELECT name, value FROM facts").fetchall()
        return {row["name"]: json.loads(row["value"]) for row in rows}
    except (sqlite3.DatabaseError, ValueError) as error:
        raise MaskwrightError(f"'{path}' holds no vote ({error}).") from error


def is_open(base: sqlite3.Connection) -> bool:
    """Whether votes are still taken."""
    return base.execute("SELECT 1 FROM ended").fetchone() is None


def require_open(base: sqlite3.Connection) -> None:
    """Raise MaskwrightError for a vote that has ended."""
    if not is_open(base):
        raise MaskwrightError("This vote has ended; its results are public now.")


def find_rater(base: sqlite3.Connection, secret: str) -> int:
    """The number of a rater; raises MaskwrightError for a secret that nobody has."""
    row = base.execute("SELECT id FROM raters WHERE secret = ?", (secret,)).fetchone()
    if row is None:
        raise MaskwrightError("You have not joined this vote yet: give your name first.")
    return int(row["id"])


def _facts(ballot: Ballot) -> dict[str, Any]:
    settings = ballot.settings
    count, methods = len(ballot.pictures), len(ballot.methods)
    return {
        "title": settings.title.strip(),
        "methods": ballot.methods,
        "runs": list(settings.runs.values()),
        "policy": ballot.policy,
        "ratio": ballot.ratio,
        "seed": settings.seed,
        "data": settings.pictures,
        "seen": ballot.seen,
        "show_original": settings.show_original,
        "pictures": count,
        # Every pair of models on every picture, or as many as a rater has patience for.
        "questions": min(settings.per_rater, count * methods * (methods - 1) // 2),
        "created": now(),
    }
