"""The figures of a survey as PNG files."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path, PurePosixPath

import numpy as np

from maskwright.data.pixels.decode import DecodeOptions
from maskwright.data.sources.open import Source
from maskwright.data.store.splits import spread
from maskwright.visual.survey import LARGE, Captioned, pair_sheet, sample_sheet, size_sheet
from maskwright.workflows.runs.figures import save_picture
from maskwright.workflows.surveying.duplicates import NEAR, Duplicates
from maskwright.workflows.surveying.resolution import (
    LARGEST,
    Detail,
    SizeCost,
    middle_square,
    shrink_and_back,
)
from maskwright.workflows.surveying.sample import Sample

# Pictures of each sheet.
SHOWN, AT_SIZES, PAIRS = 40, 4, 15
_LONGEST_CAPTION = 22


def save_sample(source: Source, sample: Sample, path: Path) -> None:
    """Pictures spread evenly over the data, with their names and classes."""
    pictures = []
    for at in spread(len(sample.pictures), SHOWN):
        index = sample.pictures[at].index
        pixels = source.read(index, DecodeOptions(channels=3, short_side=LARGE))
        pictures.append(Captioned(pixels, _caption(source, index)))
    title = f"{source.name}: {len(pictures)} of {sample.total:,} pictures, spread evenly"
    save_picture(path, sample_sheet(title, pictures))


def save_sizes(
    source: Source, sample: Sample, costs: Sequence[SizeCost], detail: Detail, path: Path
) -> None:
    """The same pictures at each size, enlarged again so that the loss is seen."""
    heads = [f"as it is ({detail.reference})"]
    for cost in costs:
        heads.append(f"{cost.side} px, {detail.edges[cost.side]:.0%} of edges lost")
    rows: list[list[np.ndarray]] = []
    for at in spread(len(sample.pictures), AT_SIZES):
        wanted = DecodeOptions(channels=3, short_side=LARGEST)
        square = middle_square(source.read(sample.pictures[at].index, wanted))
        rows.append([square, *(shrink_and_back(square, cost.side) for cost in costs)])
    notes = (
        "Each picture was shrunk to the size and enlarged again. Edges lost: the share of the"
        " gradient's energy above the limit of the size, median of"
        f" {detail.pictures} pictures of {detail.reference} pixels.",
    )
    save_picture(path, size_sheet(f"{source.name} at each size", heads, rows, notes))


def save_duplicates(source: Source, duplicates: Duplicates, path: Path) -> None:
    """The pairs that look most alike, those with equal pixels first."""
    pairs: list[tuple[Captioned, Captioned]] = []
    kinds = [("equal", pair) for pair in duplicates.exact]
    kinds += [(f"{pair.bits} bits", pair) for pair in duplicates.near]
    for kind, pair in kinds[:PAIRS]:
        both = []
        for index in (pair.first, pair.second):
            pixels = source.read(index, DecodeOptions(channels=3, short_side=LARGE))
            both.append(Captioned(pixels, f"{kind}: {_caption(source, index)}"))
        pairs.append((both[0], both[1]))
    title = f"{source.name}: {len(pairs)} of {len(kinds):,} pairs of the same look, side by side"
    save_picture(path, pair_sheet(title, pairs, [f"Alike: {NEAR}."]))


def _caption(source: Source, index: int) -> str:
    name = PurePosixPath(source.key(index)).name
    if source.labels is not None and source.classes is not None:
        label = source.labels[index]
        # -1 is no label.
        if label >= 0:
            name = f"{source.classes[label]}: {name}"
    if len(name) <= _LONGEST_CAPTION:
        return name
    return f"{name[: _LONGEST_CAPTION - 3]}..."
