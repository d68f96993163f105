"""Hashes of what pictures look like, and the pairs that look alike.

The hash is the usual one of the discrete cosine transform (pHash; Zauner 2010): 64 bits, each one
saying whether a low frequency of the gray picture lies above the median.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from PIL import Image
from scipy.fft import dctn

THUMBNAIL = 32
_LOW = 8  # frequencies along each side
# Rows of the table of distances that are compared at a time, for memory alone.
_BLOCK = 1024
# Bits that may differ, and the least correlation of the thumbnails. Of 48 pairs of CIFAR-10
# pictures within 8 bits, 15 correlate above 0.9; the rest are other pictures of the same make-up.
MOST_BITS = 8
LEAST_CORRELATION = 0.9


@dataclass(frozen=True)
class SimilarPair:
    """Two pictures that look alike.

    first, second: their numbers, the smaller first.
    bits: of 64, how many differ.
    correlation: of their gray thumbnails.
    """

    first: int
    second: int
    bits: int
    correlation: float


def to_thumbnail(pixels: np.ndarray) -> np.ndarray:
    """A (H, W, C) uint8 picture as a (32, 32) uint8 gray one, whatever its shape."""
    shown = pixels[:, :, :3]
    # One channel is gray; of two the second is opacity.
    if pixels.shape[2] < 3:
        shown = pixels[:, :, 0]
    gray = Image.fromarray(shown).convert("L")
    small = gray.resize((THUMBNAIL, THUMBNAIL), Image.Resampling.LANCZOS)
    return np.asarray(small)


def hash_thumbnails(thumbnails: np.ndarray) -> np.ndarray:
    """A hash of each of (n, 32, 32) gray pictures, (n,) uint64."""
    low = dctn(thumbnails.astype(np.float32), axes=(1, 2))[:, :_LOW, :_LOW]
    flat = low.reshape(len(thumbnails), _LOW**2)  # (n, 64)
    bits = flat > np.median(flat, axis=1, keepdims=True)
    return np.packbits(bits, axis=1).view(np.uint64).ravel()


def find_similar(
    thumbnails: np.ndarray,
    most_bits: int = MOST_BITS,
    least_correlation: float = LEAST_CORRELATION,
    progress: Callable[[int, int], None] | None = None,
) -> list[SimilarPair]:
    """All pairs of (n, 32, 32) gray pictures that look alike, the most alike first.

    Flat pictures have no look and are left out.
    """
    centered = thumbnails.reshape(len(thumbnails), -1).astype(np.float32)
    centered -= centered.mean(axis=1, keepdims=True)
    norms = np.linalg.norm(centered, axis=1)
    # A deviation of one level is noise.
    textured = np.flatnonzero(norms > THUMBNAIL)
    unit = centered[textured] / norms[textured, None]
    pairs: list[SimilarPair] = []
    for first, second, bits in _near(hash_thumbnails(thumbnails[textured]), most_bits, progress):
        correlation = float(unit[first] @ unit[second])
        if correlation >= least_correlation:
            left, right = int(textured[first]), int(textured[second])
            pairs.append(SimilarPair(left, right, bits, correlation))
    return sorted(pairs, key=lambda pair: (pair.bits, -pair.correlation))


def _near(
    hashes: np.ndarray, most_bits: int, progress: Callable[[int, int], None] | None
) -> Iterator[tuple[int, int, int]]:
    """Pairs of hashes that differ in few bits, with how many."""
    for start in range(0, len(hashes), _BLOCK):
        rows = hashes[start : start + _BLOCK]
        # (rows, n - start): each pair once, with later ones only
        distance = np.bitwise_count(rows[:, None] ^ hashes[None, start:])
        lefts, rights = np.nonzero(np.triu(distance <= most_bits, k=1))
        for left, right in zip(lefts.tolist(), rights.tolist(), strict=True):
            yield start + left, start + right, int(distance[left, right])
        if progress is not None:
            progress(min(start + _BLOCK, len(hashes)), len(hashes))
