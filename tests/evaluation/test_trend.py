"""Trends of a loss: falling, flat and rising series, and series with gaps."""

from __future__ import annotations

import math

import numpy as np
import pytest

from maskwright.evaluation.trend import measure_trend

NOISE = np.random.default_rng(0).normal(0, 0.005, 80)


def test_a_falling_loss_differs_from_a_flat_one() -> None:
    falling = measure_trend([1 - 0.005 * at + noise for at, noise in enumerate(NOISE)])
    flat = measure_trend([0.6 + noise for noise in NOISE])
    assert falling is not None
    assert flat is not None
    # From 0.75 to 0.65 between the middles of the two last quarters.
    assert falling.change.value == pytest.approx(-0.1 / 0.75, abs=0.02)
    assert falling.change.high < -0.05
    assert flat.change.low < 0 < flat.change.high
    assert abs(flat.change.value) < 0.01


def test_first_last_and_least_are_means_of_eighths() -> None:
    values = [2.0] * 10 + [1.0] * 60 + [1.5] * 10
    trend = measure_trend(values)
    assert trend is not None
    assert (trend.first, trend.last, trend.least) == (2.0, 1.5, 1.0)


def test_values_that_are_not_finite_are_left_out() -> None:
    assert measure_trend([1.0, math.nan] * 8) == measure_trend([1.0] * 8)
    assert measure_trend([math.inf] * 20) is None
    assert measure_trend([1.0] * 7) is None


def test_a_loss_of_zero_does_not_move() -> None:
    trend = measure_trend([0.0] * 16)
    assert trend is not None
    assert (trend.change.value, trend.change.low, trend.change.high) == (0, 0, 0)
