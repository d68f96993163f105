"""How large faces, parts and objects are, where they are known or can be found."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from maskwright.data.maps.box_tables import BoxTable
from maskwright.data.maps.originals import Part
from maskwright.data.pixels.decode import DecodeOptions, UnreadableImage
from maskwright.data.sources.open import Source
from maskwright.data.store.splits import spread
from maskwright.support.count_progress import CountProgress
from maskwright.support.errors import MaskwrightError
from maskwright.support.reporting import LogReporter, Reporter
from maskwright.workflows.preparing.heads import pick_finders
from maskwright.workflows.surveying.sample import DecodedPicture

# Detectors take up to a second a picture.
MOST_SEARCHED = 64
_SEARCHED_SIDE = 480
# The detector of anime faces gives points for these; the squares around them are no measurement.
_POINTS = frozenset({"nose", "chin"})
# An alpha channel that hides less shows no object.
_LEAST_HIDDEN = 0.01


@dataclass(frozen=True)
class ObjectSizes:
    """One kind of thing: a face, an eye, an object.

    name: of the kind.
    known_from: where the sizes come from, in words.
    shares: side of a square of the same area, as shares of the picture's shorter side: the lower
        quartile, the median and the upper one.
    count: how many were seen.
    """

    name: str
    known_from: str
    shares: tuple[float, float, float]
    count: int

    @property
    def median(self) -> float:
        return self.shares[1]

    def pixels(self, side: int) -> float:
        """The median side in pixels when pictures are `side` pixels wide."""
        return self.median * side


def measure_objects(
    source: Source,
    pictures: Sequence[DecodedPicture],
    boxes: str | None,
    faces: bool,
    reporter: Reporter,
) -> list[ObjectSizes]:
    """Sizes from a table of boxes, from alpha channels and from a detector of faces.

    Nothing where none of them says anything. Raises MaskwrightError for a table that names none of
    the pictures.
    """
    found: list[ObjectSizes] = []
    if boxes is not None:
        found += _from_table(source, pictures, boxes)
    found += _from_alpha(source, pictures)
    if faces and not any(things.name == "face" for things in found):
        found += _from_detector(source, pictures, reporter)
    return found


def _from_table(
    source: Source, pictures: Sequence[DecodedPicture], boxes: str
) -> list[ObjectSizes]:
    """Every part of the table, over all pictures of the sample."""
    table = BoxTable(boxes)
    shares: dict[str, list[float]] = {name: [] for name in table.names}
    for picture in pictures:
        for part in table.find(source.key(picture.index)):
            shares[part.name].append(_share(part, picture.size))
    if not any(shares.values()):
        example = next(iter(table.by_file), "nothing")
        raise MaskwrightError(
            f"'{boxes}' names none of the pictures looked at; it begins with '{example}', and the"
            f" pictures with '{source.key(pictures[0].index)}'."
        )
    return _summarize(shares, f"boxes of {Path(boxes).name}")


def _from_alpha(source: Source, pictures: Sequence[DecodedPicture]) -> list[ObjectSizes]:
    """What is not transparent, where pictures have an alpha channel that hides something."""
    shares: list[float] = []
    for picture in _some(pictures):
        try:
            alpha = source.read(picture.index, DecodeOptions(channels=4, short_side=128))[:, :, 3]
        except UnreadableImage:
            continue
        shown = float((alpha > 127).mean())
        if shown < 1 - _LEAST_HIDDEN:
            height, width = alpha.shape
            # The area of a square, in sides of the picture.
            shares.append(math.sqrt(shown * height * width) / min(height, width))
    return _summarize({"object": shares}, "alpha channels")


def _from_detector(
    source: Source, pictures: Sequence[DecodedPicture], reporter: Reporter
) -> list[ObjectSizes]:
    """Faces and their parts, where a detector is installed and finds them in enough pictures."""
    # What `prepare` would say about its windows is not said here.
    finders, name = pick_finders("auto", source, LogReporter(visible=False))
    shares: dict[str, list[float]] = {}
    chosen = _some(pictures) if finders else []
    progress = CountProgress(reporter, "faces")
    for done, picture in enumerate(chosen, 1):
        progress.show(done, len(chosen))
        try:
            pixels = source.read(
                picture.index, DecodeOptions(channels=3, short_side=_SEARCHED_SIDE)
            )
        except UnreadableImage:
            continue
        for finder in finders:
            for part in finder.find(pixels):
                if part.name not in _POINTS:
                    shares.setdefault(part.name, []).append(_share(part, pixels.shape[:2]))
    reporter.finish()
    return _summarize(shares, f"found by {name}")


def _some(pictures: Sequence[DecodedPicture]) -> list[DecodedPicture]:
    return [pictures[at] for at in spread(len(pictures), MOST_SEARCHED)]


def _share(part: Part, size: Iterable[int]) -> float:
    """Side of a square of the part's area, as a share of the picture's shorter side."""
    return math.sqrt(max(0.0, part.area)) / min(size)


def _summarize(shares: dict[str, list[float]], known_from: str) -> list[ObjectSizes]:
    """The kinds of which something was seen, with quartiles."""
    found = []
    for name, values in shares.items():
        if values:
            low, middle, high = np.quantile(values, (0.25, 0.5, 0.75)).tolist()
            found.append(ObjectSizes(name, known_from, (low, middle, high), len(values)))
    return found
