"""The votes as CSV, and what they say as lines for reports."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping
from typing import Any

from maskwright.studies.voting.ballot_box import BallotBox
from maskwright.support.plurals import count_of

_COLUMNS = ("rater", "picture", "left", "right", "answer", "preferred", "answered")


def format_votes(box: BallotBox) -> str:
    """Every vote in a row of CSV, with the names of the models."""
    methods = box.facts["methods"]
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(_COLUMNS)
    # Only the names of raters, pictures and models are somebody's own words.
    for row in box.answered():
        left, right = methods[row["left_method"]], methods[row["right_method"]]
        preferred = {"left": left, "right": right, "tie": ""}[row["answer"]]
        cells = [row["rater"], row["picture"], left, right, row["answer"], preferred]
        writer.writerow([*map(_harmless, cells), row["answered"]])
    return text.getvalue()


def vote_lines(results: Mapping[str, Any]) -> list[str]:
    """What `VoteResults.to_dict` holds, in sentences."""
    lines = []
    for pair in results["pairs"]:
        lines.append(
            f"{pair['first']} was preferred to {pair['second']} in {_percent(pair['rate'])} of"
            f" {count_of(pair['votes'], 'vote')} by {count_of(pair['raters'], 'rater')} on"
            f" {count_of(pair['pictures'], 'picture')}: {pair['verdict']}."
        )
    agreement = results["agreement"]
    if agreement is not None:
        alpha = agreement["alpha"]
        lines.append(
            f"Raters agree with Krippendorff's alpha {alpha['value']:.2f} [{alpha['low']:.2f},"
            f" {alpha['high']:.2f}] (0 is chance, 1 perfect)."
        )
    # None is unknown, and zero needs no words.
    seen = [f"{count} by {name}" for name, count in results["seen"].items() if count]
    if seen:
        lines.append(f"Pictures that were also trained on: {', '.join(seen)}.")
    masks = f"{results['policy']} {results['ratio']:g}"
    lines.append(f"Blind, sides by chance; masks: {masks}; {results['ties']}.")
    return lines


def _percent(rate: Mapping[str, float]) -> str:
    value, low, high = (100 * rate[name] for name in ("value", "low", "high"))
    return f"{value:.0f}% [{low:.0f}%, {high:.0f}%]"


def _harmless(cell: str) -> str:
    """A cell that no spreadsheet takes for a formula."""
    return f"'{cell}" if cell[:1] in ("=", "+", "-", "@") else cell
