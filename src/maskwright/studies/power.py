"""What a study of so many seeds could have shown: the smallest difference that it would detect."""

from __future__ import annotations

import math
from functools import cache

from scipy import stats
from scipy.optimize import brentq

ALPHA = 0.05
POWER = 0.8


def detectable_difference(
    deviation: float,
    count: int,
    comparisons: int = 1,
    alpha: float = ALPHA,
    power: float = POWER,
) -> float:
    """The smallest true mean difference that `count` paired seeds show with this power.

    A two-sided paired t test is meant, in a study of several comparisons (noncentral t). The power
    is that of one given comparison of which alone the truth is not zero. Holm's correction then
    asks for p < alpha / comparisons, its first step. An alarm among the others may come first and
    ease it, which adds less than a hundredth to the power.

    deviation: of the differences over seeds.
    comparisons: all that Holm's correction runs over.
    """
    return _detectable_shift(count, alpha / comparisons, power) * deviation / math.sqrt(count)


@cache
def _detectable_shift(count: int, alpha: float, power: float) -> float:
    """The detectable difference in standard errors.

    A significant difference of the wrong sign does not count as detected.
    """
    limit = float(stats.t.ppf(1 - alpha / 2, count - 1))

    # Positive once the shift is large enough; the root is what we look for.
    def missing_power(shift: float) -> float:
        return float(stats.nct.sf(limit, count - 1, shift)) - power

    # At 2 * limit + 5 standard errors the power is practically 1, so the root lies between.
    return float(brentq(missing_power, 0.0, 2 * limit + 5))
