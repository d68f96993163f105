"""What `maskwright neighbors` leaves: tables of neighbors and of near-duplicates, and numbers."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import Tensor

from maskwright.evaluation.neighbors import Neighbors, SimilarPairs
from maskwright.support.files import write_json, write_text
from maskwright.workflows.measuring.read_features import FeatureTable
from maskwright.workflows.runs.run_folder import now

# Near-duplicates that are written down; more say that the threshold is too low.
MOST_PAIRS = 10_000


@dataclass(frozen=True, eq=False)
class FoundNeighbors:
    """What was found.

    table: the pictures that were looked up, with their names.
    among: the pictures that neighbors were looked for in.
    rows: (q,) places of those looked up in `table`.
    neighbors: the nearest of each, as places in `among`.
    pairs: pictures that are nearly the same, as places in `table` and in `among`.
    """

    table: FeatureTable
    among: FeatureTable
    rows: Tensor
    neighbors: Neighbors
    pairs: SimilarPairs

    def names(self, query: int) -> list[str]:
        """The names of the neighbors of a picture that was looked up, the most similar first."""
        return [self.among.keys[at] for at in self.neighbors.rows[query].tolist()]

    @property
    def queries(self) -> list[str]:
        """The names of those looked up."""
        return [self.table.keys[row] for row in self.rows.tolist()]

    @property
    def duplicates(self) -> list[tuple[str, str, float]]:
        """Names and cosine of the most similar pairs."""
        pairs = zip(
            self.pairs.first[:MOST_PAIRS].tolist(),
            self.pairs.second[:MOST_PAIRS].tolist(),
            self.pairs.similarity[:MOST_PAIRS].tolist(),
            strict=True,
        )
        return [
            (self.table.keys[first], self.among.keys[second], round(value, 4))
            for first, second, value in pairs
        ]


def write_neighbors(found: FoundNeighbors, folder: Path, threshold: float) -> None:
    """Leave the tables and the numbers; threshold: from which cosine pairs are listed."""
    labels = found.among.labels
    rows: list[list[Any]] = []
    for number, query in enumerate(found.queries):
        places = found.neighbors.rows[number].tolist()
        values = found.neighbors.similarity[number].tolist()
        for rank, (at, value) in enumerate(zip(places, values, strict=True), 1):
            label = labels[at] if labels else ""
            rows.append([query, rank, found.among.keys[at], f"{value:.4f}", label])
    header = ["file", "rank", "neighbor", "similarity", "label"]
    write_text(folder / "neighbors.csv", _csv(header, rows))
    header = ["file", "other", "similarity"]
    write_text(folder / "duplicates.csv", _csv(header, found.duplicates))
    write_json(folder / "neighbors.json", _to_dict(found, threshold))


def _to_dict(found: FoundNeighbors, threshold: float) -> dict[str, Any]:
    pictures = {}
    for number, query in enumerate(found.queries):
        similarity = found.neighbors.similarity[number].tolist()
        pictures[query] = {
            "neighbors": found.names(number),
            "similarity": [round(value, 4) for value in similarity],
        }
    return {
        "features": str(found.table.path),
        "among": str(found.among.path),
        "similarity": "cosine of features standardized over the collection",
        "duplicates_from": threshold,
        "num_duplicates": len(found.pairs),
        "duplicates": found.duplicates,
        "pictures": pictures,
        "made": now(),
    }


def _csv(header: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(header)
    writer.writerows(rows)
    return text.getvalue()
