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
from maskwright.workflows.surveying.looks import Sample

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

    looks = sample.looks
    alike = find_similar(np.stack([look.thumbnail for look in looks]), progress=progress.show)
    reporter.finish()
    # Only what looks the same can have the same pixels, so few are decoded whole.
    pixels: dict[int, int] = {}
    exact: list[SimilarPair] = []
    near: list[SimilarPair] = []
    for pair in alike:
        first, second = looks[pair.first], looks[pair.second]
        found = SimilarPair(first.index, second.index, pair.bits, pair.correlation)
        is_same = first.size == second.size and pair.bits == 0
        if is_same:
            for look in (first, second):
                if look.index not in pixels:
                    pixels[look.index] = hash_pixels(source.read(look.index))
            is_same = pixels[first.index] == pixels[second.index]
        (exact if is_same else near).append(found)
    across = None
    if source.labels is not None:
        labels = source.labels
        across = sum(labels[pair.first] != labels[pair.second] for pair in alike_of(exact, near))
    return Duplicates(tuple(exact), tuple(near), across, _expected(len(alike), sample))


def alike_of(*kinds: list[SimilarPair]) -> list[SimilarPair]:
    """Pairs of several kinds in one list."""
    return [pair for kind in kinds for pair in kind]


def _expected(count: int, sample: Sample) -> tuple[float, float, float] | None:
    """Pairs in the whole data: those of the sample, scaled by the pairs that were looked at."""
    if sample.is_whole:
        return None
    seen, total = len(sample.looks), sample.total
    factor = total * (total - 1) / max(1, seen * (seen - 1))
    # The exact interval of a Poisson count (Garwood 1936).
    low = chi2.ppf(0.025, 2 * count) / 2 if count else 0.0
    high = chi2.ppf(0.975, 2 * count + 2) / 2
    return count * factor, float(low) * factor, float(high) * factor
