"""Similar pictures and near-duplicates, by the features that `maskwright embed` wrote."""

from __future__ import annotations

from pathlib import Path, PurePosixPath

import torch
from torch import Tensor

from maskwright.evaluation.neighbors import (
    SimilarPairs,
    find_neighbors,
    find_pairs,
    to_directions,
)
from maskwright.evaluation.standardize import Standardizer
from maskwright.support.errors import MaskwrightError, did_you_mean
from maskwright.support.notebook import usual_reporter
from maskwright.support.reporting import Reporter
from maskwright.workflows.measuring.neighbor_report import (
    MOST_PAIRS,
    FoundNeighbors,
    write_neighbors,
)
from maskwright.workflows.measuring.neighbor_sheet import draw_neighbors
from maskwright.workflows.measuring.read_features import FeatureTable, read_features
from maskwright.workflows.settings.arguments import takes
from maskwright.workflows.settings.neighbors_settings import NeighborsSettings

# Names that are offered where one is unknown.
_OFFERED = 2_000


@takes(NeighborsSettings, "features")
def neighbors(settings: NeighborsSettings, reporter: Reporter | None = None) -> FoundNeighbors:
    """Find the most similar pictures of each, and pictures that are nearly the same.

    Similar is a large cosine of features, each brought to mean 0 and deviation 1 over the
    collection. Leaves neighbors.csv, duplicates.csv, neighbors.json and, where the pictures are
    found, sheet.png.
    """
    reporter = reporter or usual_reporter()
    table = read_features(settings.features)
    among = table if settings.among is None else read_features(settings.among)
    _check_widths(table, among)
    found = _search(table, among, settings)
    folder = Path(settings.out) if settings.out else table.path.parent / "neighbors"
    write_neighbors(found, folder, settings.duplicates)
    reporter.say(
        f"{len(found.rows):,} pictures with {found.neighbors.rows.shape[1]} neighbors each among"
        f" {len(among):,}; {len(found.pairs):,} pairs at least {settings.duplicates:g} alike"
    )
    if len(found.pairs) > MOST_PAIRS:
        reporter.warn(
            f"Only the {MOST_PAIRS:,} most similar of {len(found.pairs):,} pairs are listed; a"
            " higher --duplicates gives fewer."
        )
    draw_neighbors(found, folder, settings, reporter)
    reporter.say(f"Written to {folder}: neighbors.csv, duplicates.csv, neighbors.json")
    return found


def _search(
    table: FeatureTable, among: FeatureTable, settings: NeighborsSettings
) -> FoundNeighbors:
    # By the statistics of what is searched, for both.
    collection = torch.from_numpy(among.features)
    standardizer = Standardizer.fit(collection)
    directions = to_directions(collection, standardizer)
    is_same = among is table
    queries = directions
    if not is_same:
        queries = to_directions(torch.from_numpy(table.features), standardizer)
    rows = _rows_of(table, settings.of)
    nearest = find_neighbors(queries[rows], directions, settings.count, rows if is_same else None)
    # Near-duplicates of all pictures, also of those that were not looked up.
    pairs: SimilarPairs = find_pairs(queries, directions, settings.duplicates, same=is_same)
    return FoundNeighbors(table, among, rows, nearest, pairs)


def _check_widths(table: FeatureTable, among: FeatureTable) -> None:
    width, expected = table.features.shape[1], among.features.shape[1]
    if width != expected:
        raise MaskwrightError(
            f"'{table.path}' has {width} numbers a picture and '{among.path}' {expected}: they are"
            " of different encoders or readouts, and cannot be compared."
        )
    if len(among) < 2:
        raise MaskwrightError(f"'{among.path}' has {len(among)} picture; neighbors need two.")


def _rows_of(table: FeatureTable, of: str | None) -> Tensor:
    """The pictures to look up, by their names or by the last part of those."""
    if of is None:
        return torch.arange(len(table))
    rows = []
    for name in (part.strip() for part in of.split(",")):
        found = [at for at, key in enumerate(table.keys) if name in (key, PurePosixPath(key).name)]
        if not found:
            near = did_you_mean(name, [PurePosixPath(key).name for key in table.keys[:_OFFERED]])
            raise MaskwrightError(f"'{table.path}' has no picture '{name}'.{near}")
        rows += found
    return torch.tensor(rows)
