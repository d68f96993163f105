"""Division where a draw of pictures may leave nothing to divide by."""

from __future__ import annotations

import numpy as np


def divide_or_nan(numerator: np.ndarray, denominator: np.ndarray) -> np.ndarray:
    """The quotients where the denominator is above 0, and NaN elsewhere.

    `bootstrap` leaves draws out whose statistic is NaN.
    """
    numerator, denominator = np.broadcast_arrays(numerator, denominator)
    quotients = np.full(numerator.shape, np.nan)
    return np.divide(numerator, denominator, out=quotients, where=denominator > 0)
