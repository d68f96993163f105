"""The table of a vote: every model's score by the votes of people."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from maskwright.studies.report.tables import Table


def vote_table(results: Mapping[str, Any]) -> Table | None:
    """Scores by Bradley and Terry, the most preferred first; None for a vote about two."""
    if not results["scores"]:
        return None
    ranked = sorted(results["scores"].items(), key=lambda item: -item[1]["value"])
    rows = [
        [name, f"{score['value']:+.2f} [{score['low']:+.2f}, {score['high']:+.2f}]"]
        for name, score in ranked
    ]
    return Table(["arm", "score (log odds of being preferred)"], rows)
