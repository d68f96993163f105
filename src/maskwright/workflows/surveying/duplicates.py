"""Pictures that occur more than once in a sample: with the same pixels, or nearly so."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.stats import chi2

from maskwright.data.pixels.perceptual_hash import (
    LEAST_CORRELATION,
    MOST_BITS,
    SimilarPair,
    find_similar,
)
from maskwright.data.sources.open import Source
from maskwright.data.store.same_picture import hash_pixels
from maskwright.support.count_progress import CountProgress
from maskwright.support.reporting import Reporter
from maskwright.workflows.surveying.sample import Sample

# How near is near, in words.
NEAR = (
    f"perceptual hashes at most {MOST_BITS} of 64 bits apart and thumbnails that correlate by"
    f" {LEAST_CORRELATION:g} or more"
)


@dataclass(frozen=True)
class Duplicates:
    """Pairs of pictures of a sample, by their numbers in the source.

    exact: with equal pixels.
    near: that look alike.
    across: pairs of either kind whose labels differ; None without labels.
    expected: how many pairs the whole data has if the sample is like it, with the ends of a 95%
        interval; None where the sample is the whole.
    """

    exact: tuple[SimilarPair, ...]
    near: tuple[SimilarPair, ...]
    across: int | None
    expected: tuple[float, float, float] | None


def find_duplicates(source: Source, sample: Sample, reporter: Reporter) -> Duplicates:
    """Compare every picture of the sample with every other."""
    progress = CountProgress(reporter, "compare")

    pictures = sample.pictures
    alike = find_similar(
        np.stack([picture.thumbnail for picture in pictures]), progress=progress.show
    )
    reporter.finish()
    # Only what looks the same can have the same pixels, so few are decoded whole.
    pixels: dict[int, int] = {}
    exact: list[SimilarPair] = []
    near: list[SimilarPair] = []
    for pair in alike:
        first, second = pictures[pair.first], pictures[pair.second]
        found = SimilarPair(first.index, second.index, pair.bits, pair.correlation)
        is_same = first.size == second.size and pair.bits == 0
        if is_same:
            for picture in (first, second):
                if picture.index not in pixels:
                    pixels[picture.index] = hash_pixels(source.read(picture.index))
            is_same = pixels[first.index] == pixels[second.index]
        (exact if is_same else near).append(found)
    across = None
    if source.labels is not None:
        labels = source.labels
        differs = [labels[pair.first] != labels[pair.second] for pair in [*exact, *near]]
        across = sum(differs)
    expected = _expected(len(alike), sample)
    return Duplicates(tuple(exact), tuple(near), across, expected)


def _count_pairs(count: int) -> int:
    """Ordered pairs of different things."""
    return count * (count - 1)


def _expected(count: int, sample: Sample) -> tuple[float, float, float] | None:
    """Pairs in the whole data: those of the sample, scaled by the pairs that were looked at."""
    if sample.is_whole:
        return None
    pairs_in_all = _count_pairs(sample.total)
    pairs_seen = _count_pairs(len(sample.pictures))
    factor = pairs_in_all / max(1, pairs_seen)
    # The exact interval of a Poisson count (Garwood 1936).
    low = chi2.ppf(0.025, 2 * count) / 2 if count else 0.0
    high = chi2.ppf(0.975, 2 * count + 2) / 2
    return count * factor, float(low) * factor, float(high) * factor
