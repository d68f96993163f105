"""What a picture loses when it is shrunk, and how large the things in it are, from its spectrum."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

# Structure ends where the autocorrelation has fallen to this.
_FALLEN = 1 / np.e


@dataclass(frozen=True)
class LostDetail:
    """What shrinking takes away, as shares in [0, 1].

    energy: of the variance of the pixels.
    edges: of the energy of the gradient, in which fine structure counts more.
    """

    energy: float
    edges: float


def measure_lost(gray: np.ndarray, sides: tuple[int, ...]) -> list[LostDetail]:
    """The share of spectral energy that lies above the limit of each smaller side.

    gray: (S, S) square picture.
    sides: a picture of `side` pixels holds at most side / 2 periods along each axis.
    """
    power, frequency = _power(gray)  # (S, S) both
    # Periods over the picture along the axis where there are more of them: what a square of pixels
    # cannot hold lies outside of a square of frequencies.
    side = len(gray)
    periods = np.abs(np.fft.fftfreq(side)) * side
    most = np.maximum(periods[:, None], periods[None, :])
    slope = power * frequency**2
    lost = []
    for smaller in sides:
        above = most > smaller / 2
        lost.append(LostDetail(_share(power, above), _share(slope, above)))
    return lost


def structure_size(gray: np.ndarray) -> float:
    """How wide the things in a (S, S) picture are, as a share of its side.

    Twice the distance at which the autocorrelation, over all directions, falls to 1/e: a disk of
    diameter d on a plain ground gives 0.8 d to d. 0 for a flat picture.
    """
    power, _ = _power(gray)
    if power.sum() <= 0:
        return 0.0
    # Wiener and Khinchin: the autocorrelation is the transform of the power spectrum.
    correlation = np.fft.ifft2(power).real
    correlation /= correlation[0, 0]
    mean = _mean_by_distance(correlation)
    side = len(gray)
    half = side // 2
    below = np.flatnonzero(mean[:half] < _FALLEN)
    reach = int(below[0]) if len(below) else half
    return min(1.0, 2 * _crossing(mean, reach) / side)


def _mean_by_distance(correlation: np.ndarray) -> np.ndarray:
    """The mean of a (S, S) autocorrelation over all directions at each whole distance."""
    side = len(correlation)
    along = np.arange(side)
    # It goes round: the last place is as near as the second.
    steps = np.minimum(along, side - along)
    distance = np.hypot(steps[:, None], steps[None, :])  # (S, S)
    ring = distance.round().astype(int).ravel()
    counts = np.bincount(ring)
    totals = np.bincount(ring, weights=correlation.ravel())
    return totals / np.maximum(counts, 1)


def _crossing(mean: np.ndarray, reach: int) -> float:
    """Where the curve falls through 1/e, between two whole distances."""
    before = float(mean[reach - 1])
    after = float(mean[reach])
    if before <= after:
        return float(reach)
    share = (before - _FALLEN) / (before - after)
    return reach - 1 + share


def _power(gray: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The power spectrum (S, S) of a square picture, and the frequency of each place."""
    side = len(gray)
    values = gray.astype(np.float64)
    # Opposite borders do not fit together; without a window the jump between them would count as
    # detail of every size.
    window = np.hanning(side + 2)[1:-1]
    weights = window[:, None] * window[None, :]
    mean = (values * weights).sum() / weights.sum()
    windowed = (values - mean) * weights
    power = np.abs(np.fft.fft2(windowed)) ** 2
    power[0, 0] = 0.0
    steps = np.fft.fftfreq(side)
    frequency = np.hypot(steps[:, None], steps[None, :])
    return power, frequency


def _share(values: np.ndarray, is_counted: np.ndarray) -> float:
    """The share of a sum that some of its values make up; 0 of nothing."""
    total = float(values.sum())
    if total <= 0:
        return 0.0
    return float(values[is_counted].sum()) / total
