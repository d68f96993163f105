"""A vote about the arms of a study, quoted in its record and so in its report."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from maskwright.studies.record import AnyRecord
from maskwright.studies.voting.ballot_box import BallotBox
from maskwright.studies.voting.vote_results import count_votes
from maskwright.support.reporting import Reporter

VOTES = "votes.db"
"""The vote of a study lies in its folder under this name."""


def add_votes(record: AnyRecord, folder: Path, reporter: Reporter) -> AnyRecord:
    """The record with the results of the vote in the study's folder, once that has ended.

    A record that quotes a vote already keeps it where the folder has none.
    """
    path = folder / VOTES
    if not path.exists():
        return record
    box = BallotBox(path)
    if box.state().is_open:
        # Numbers that are looked at before the end invite to stop when they please.
        reporter.warn(f"The vote in {path} has not ended, so the report does not quote it.")
        return record
    return replace(record, votes=count_votes(box).to_dict())
