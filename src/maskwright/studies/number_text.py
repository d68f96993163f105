"""Numbers of a study as text: with their intervals, and with as many decimals as mean something."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from maskwright.evaluation.metrics import Interval


def format_interval(
    mean: float, interval: Interval | None, decimals: int, signed: bool = False
) -> str:
    """A mean with its interval: 0.512 [0.498, 0.526]."""
    form = f"{'+' if signed else ''}.{decimals}f"
    if interval is None:
        return f"{mean:{form}}"
    return f"{mean:{form}} [{interval.low:{form}}, {interval.high:{form}}]"


def format_p(p: float) -> str:
    """A p value behind the letter p: `= 0.012`, or `< 0.001`."""
    return f"= {p:.3f}" if p >= 0.001 else "< 0.001"


def decimals_for(spreads: Sequence[float | None], means: Sequence[float]) -> int:
    """How many decimals show two digits of the typical spread, six at most.

    Where there is no spread, as many as show three digits of the largest mean.
    """
    known = [spread for spread in spreads if spread]
    if known:
        typical = float(np.median(known))
        digits = 1
    else:
        # A mean of nothing but zeros has no digits to show; 1 stands for its size.
        typical = max((abs(mean) for mean in means), default=1.0) or 1.0
        digits = 2
    # 0.0123 has its first digit at 10^-2: one more decimal shows two digits.
    return int(np.clip(digits - math.floor(math.log10(typical)), 0, 6))
